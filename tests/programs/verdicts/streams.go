package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"programs/control"
)

// overHTTP2 is HTTP/2 without TLS, and nothing else.
func overHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// serveStreams has a user whose every tenth of a second begins a stream over one connection, all of which
// stay: each needs its handler.
func serveStreams(step int) {
	if address == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		address = listener.Addr().String()
		server := &http.Server{
			Handler:   http.HandlerFunc(stream),
			Protocols: overHTTP2(),
			HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: 100000},
		}
		go func() { panic(server.Serve(listener)) }()
		control.Peer("streams", address)
	}
	churn(step)
}

// stream tells the time each minute, until its user leaves.
func stream(w http.ResponseWriter, r *http.Request) {
	for {
		select {
		case <-r.Context().Done():
			return
		case now := <-time.After(time.Minute):
			fmt.Fprintln(w, now.Unix())
			w.(http.Flusher).Flush()
		}
	}
}

// beginStreams is the user.
func beginStreams(address string) {
	client := http.Client{Transport: &http.Transport{Protocols: overHTTP2()}}
	fmt.Println("ready")
	for range time.Tick(100 * time.Millisecond) {
		request, err := http.NewRequestWithContext(context.Background(), "GET", "http://"+address, nil)
		if err != nil {
			panic(err)
		}
		go func() {
			answer, err := client.Do(request)
			if err != nil {
				panic(err)
			}
			buffer := make([]byte, 512)
			for err == nil {
				_, err = answer.Body.Read(buffer)
			}
		}()
	}
}
