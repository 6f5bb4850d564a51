package main

import (
	"fmt"
	"runtime"
)

// kept is what the sick programs never let go.
var kept = map[string][]byte{}

// growHeap keeps 100 KiB of what it allocates in each step, for ever: 10 MB a second.
func growHeap(step int) {
	kept[fmt.Sprint(step)] = entry(100 << 10)
	churn(step)
}

// boundedHeap keeps the last hundred.
func boundedHeap(step int) {
	kept[fmt.Sprint(step)] = entry(100 << 10)
	delete(kept, fmt.Sprint(step-100))
	churn(step)
}

// warmCache fills in the first five seconds.
func warmCache(step int) {
	kept[fmt.Sprint(step%500)] = entry(100 << 10)
	churn(step)
}

// spike keeps 50 MB for two seconds out of ten.
func spike(step int) {
	if step%1000 < 200 {
		kept[fmt.Sprint(step%1000)] = entry(250 << 10)
	} else if step%1000 == 200 {
		kept = map[string][]byte{}
	}
	churn(step)
}

// fragment leaves one object of eight in a heap of small ones.
func fragment(step int) {
	scatter(step, 100000, 1, 8)
}

// dense leaves them all.
func dense(step int) {
	scatter(step, 100000, 1, 1)
}

var scattered []*[1 << 10]byte

// scatter makes small objects and leaves some of each few.
func scatter(step, objects, some, each int) {
	if step == 0 {
		for n := 0; n < objects; n++ {
			scattered = append(scattered, new([1 << 10]byte))
			scattered[n][0] = 1
		}
		for n := range scattered {
			if n%each >= some {
				scattered[n] = nil
			}
		}
		runtime.GC()
	}
	churn(step)
}

var working [][]byte

// garbage drops in each step what it allocated, beside 64 MB that live: the rest is up to GOGC.
func garbage(step int) {
	if working == nil {
		working = make([][]byte, 256)
		for n := range working {
			working[n] = entry(256 << 10)
		}
	}
	working[step%len(working)] = entry(256 << 10)
}

var ballast []byte

// nearLimit lives on 100 MB and leaves as much garbage behind.
func nearLimit(step int) {
	if ballast == nil {
		ballast = entry(100 << 20)
	}
	churn(step)
}

var garbageBin []byte

// churn makes garbage, so that collections run.
func churn(step int) {
	for n := 0; n < 4; n++ {
		garbageBin = entry(256 << 10)
	}
}

//go:noinline
func entry(size int) []byte {
	entry := make([]byte, size)
	for at := 0; at < size; at += 4096 {
		entry[at] = 1
	}
	return entry
}
