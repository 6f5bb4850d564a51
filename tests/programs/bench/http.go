package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"programs/control"
)

const (
	// clients is how many requests are under way at once.
	clients = 8
	// perConnection is how many of them a connection serves.
	perConnection = 16
)

type order struct {
	ID    int      `json:"id"`
	Items []string `json:"items"`
	Note  string   `json:"note"`
}

// serve answers each order with a bigger one, in JSON, and collects its garbage on command.
func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() { check(http.Serve(listener, http.HandlerFunc(answer))) }()
	control.Say("ready", map[string]interface{}{"address": listener.Addr().String()})
	for command := range control.Commands() {
		switch command {
		case "collect":
			runtime.GC()
			control.Say("collected", nil)
		case "exit":
			return
		}
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
	var asked order
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked.Items = append(asked.Items, strings.Split(strings.Repeat("item ", 40), " ")...)
	asked.Note = strings.Repeat(asked.Note, 16)
	w.Header().Set("Content-Type", "application/json")
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(asked)
}

// request runs so many requests, some at once, and tells half and nearly all of their latencies.
func request(address string, times int) map[string]interface{} {
	body, err := json.Marshal(order{ID: 1, Items: []string{"a", "b"}, Note: "as soon as possible"})
	check(err)
	latencies := make([][]int64, clients)
	var all sync.WaitGroup
	for i := range latencies {
		all.Add(1)
		go func(mine *[]int64) {
			defer all.Done()
			client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
			defer client.CloseIdleConnections()
			for n := 0; n < times/clients; n++ {
				start := time.Now()
				response, err := client.Post("http://"+address, "application/json", bytes.NewReader(body))
				check(err)
				_, err = io.Copy(io.Discard, response.Body)
				check(err)
				check(response.Body.Close())
				*mine = append(*mine, time.Since(start).Nanoseconds())
				if n%perConnection == perConnection-1 {
					client.CloseIdleConnections()
				}
			}
		}(&latencies[i])
	}
	all.Wait()
	var sorted []int64
	for _, mine := range latencies {
		sorted = append(sorted, mine...)
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	return map[string]interface{}{
		"p50": sorted[len(sorted)/2], "p99": sorted[len(sorted)*99/100], "requests": len(sorted),
	}
}
