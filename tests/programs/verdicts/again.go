package main

import (
	"net"
	"net/rpc"
	"strconv"
)

var batch, ring [][]byte

// batchAgain has worked off a batch of 60 MB beside 20 MB that stay, and gathers the next one.
func batchAgain(step int) {
	switch {
	case step == 0:
		ballast = entry(20 << 20)
		for n := 0; n < 600; n++ {
			batch = append(batch, entry(100<<10))
		}
	case step == 1:
		batch = nil
	case step > 50:
		batch = append(batch, entry(12<<10))
	}
	churn(step)
}

// nearRing SECONDS fills a ring in so many seconds, and then replaces what it holds.
func nearRing(step int) {
	size := 100 * number(0)
	if len(ring) < size {
		ring = append(ring, nil)
	}
	ring[step%size] = entry(16 << 10)
	churn(step)
}

// nearBatches EVERY BYTES gathers so much in each of so many steps, and lets all go then.
func nearBatches(step int) {
	if step%number(0) == 0 {
		kept = map[string][]byte{}
	}
	kept[strconv.Itoa(step)] = entry(number(1))
	if step%4 == 0 {
		garbageBin = entry(160 << 10)
	}
}

// leakCallers leaves clients, each with a goroutine that the library starts, at two places.
func leakCallers(step int) {
	if step%5 == 0 && step%15 != 10 {
		callOften()
	} else if step%15 == 10 {
		callSeldom()
	}
	churn(step)
}

//go:noinline
func callOften() { rpc.NewClient(silent()) }

//go:noinline
func callSeldom() { rpc.NewClient(silent()) }

// silent is a connection through which nothing comes.
func silent() net.Conn {
	ours, _ := net.Pipe()
	return ours
}
