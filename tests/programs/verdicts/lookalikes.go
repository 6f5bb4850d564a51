package main

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
)

// largeGoal makes garbage up to five times of what lives.
func largeGoal(step int) {
	if step == 0 {
		debug.SetGCPercent(400)
	}
	garbage(step)
}

// fillPool opens a connection every hundred milliseconds, up to the limit of the pool.
func fillPool(step int) {
	const limit = 60
	if address == "" {
		startServer()
	}
	if step%10 == 0 && len(open) < limit {
		open = append(open, dial())
	}
	churn(step)
}

var shrunk = map[int]int{}

// shrinkMap deletes nearly all of a large map: its buckets stay.
func shrinkMap(step int) {
	const entries = 1 << 20
	if step == 0 {
		for n := 0; n < entries; n++ {
			shrunk[n] = n
		}
		for n := 100; n < entries; n++ {
			delete(shrunk, n)
		}
	}
	churn(step)
}

// batches gathers 30 MB in three seconds, and lets them go when the batch is done.
func batches(step int) {
	if step%300 == 0 {
		kept = map[string][]byte{}
	}
	kept[fmt.Sprint(step)] = entry(100 << 10)
	churn(step)
}

// carryBallast keeps 200 MB that nobody touches, so that collections are rare.
func carryBallast(step int) {
	if ballast == nil {
		ballast = make([]byte, 200<<20)
	}
	churn(step)
}

var buffers = sync.Pool{New: func() interface{} { return entry(64 << 10) }}

// poolBuffers takes buffers from a pool and gives them back.
func poolBuffers(step int) {
	var taken [64]interface{}
	for n := range taken {
		taken[n] = buffers.Get()
	}
	for _, buffer := range taken {
		buffers.Put(buffer)
	}
	churn(step)
}

// closeClients makes a client for each request and closes it: slow, and right.
func closeClients(step int) {
	if address == "" {
		startServer()
	}
	if step%5 == 0 {
		client := newClient()
		get(client)
		client.Transport.(*http.Transport).CloseIdleConnections()
	}
	churn(step)
}

// stayIdle holds five thousand connections.
func stayIdle(step int) {
	if address == "" {
		startServer()
		for n := 0; n < 5000; n++ {
			open = append(open, dial())
		}
	}
	churn(step)
}
