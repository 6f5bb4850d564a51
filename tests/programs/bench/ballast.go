package main

import (
	"runtime"
	"runtime/debug"
)

// node is an object of a heap that is dense with pointers.
type node struct {
	to   [3]*node
	data [13]uint64
}

const nodeSize = 128

var ballast []*node

// hold fills the heap with so many bytes, which stay: each node leads to some others, wherever they
// are. From then on only the program itself asks for collections: one takes seconds and would fall
// into some runs and not into others.
func hold(bytes int) {
	debug.SetGCPercent(-1)
	runtime.MemProfileRate = 512 << 10
	ballast = make([]*node, bytes/(nodeSize+8))
	for i := range ballast {
		ballast[i] = new(node)
	}
	for _, from := range ballast {
		for i := range from.to {
			from.to[i] = ballast[random()%uint64(len(ballast))]
		}
	}
	runtime.GC()
}

// So many nodes are garbage when a collection begins: 64 MiB.
const dropped = 512 << 10

var lastNodes [1024]*node

// collect makes garbage and collects it.
//
//go:noinline
func collect() {
	for n := 0; n < dropped; n++ {
		lastNodes[n%len(lastNodes)] = new(node)
	}
	runtime.GC()
}

// So many goroutines wait for ever.
const waiting = 100000

// prepareWaiting returns an operation that does nothing, beside many goroutines that wait.
func prepareWaiting() func() {
	for n := 0; n < waiting; n++ {
		go wait(never)
	}
	return func() {}
}

var never = make(chan int)

//go:noinline
func wait(on <-chan int) {
	<-on
}
