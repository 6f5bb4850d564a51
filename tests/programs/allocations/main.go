// Command allocations hands out known amounts of memory at four places, keeps no heap profile, and
// says how many bytes each place was given.
//
// Commands on stdin: go, exit.
package main

import (
	"flag"
	"runtime"
	"strings"

	"programs/control"
)

// Releases that always link the profiler in are told not to sample.
func init() { runtime.MemProfileRate = 0 }

// each is how many bytes every place allocates on "go".
var each int

type node struct {
	next *node
	pad  [7]uint64
}

var (
	list    *node
	kept    [][]byte
	garbage []byte
	text    string
)

// Small objects with pointers, which stay.
//
//go:noinline
func small() {
	for n := 0; n < each/64; n++ {
		list = &node{next: list}
	}
}

// Middling ones without, which do not.
//
//go:noinline
func middling() {
	for n := 0; n < each/3072; n++ {
		garbage = make([]byte, 3072)
	}
}

// Large ones, each with a span of its own.
//
//go:noinline
func large() {
	for n := 0; n < each/(256<<10); n++ {
		kept = append(kept, make([]byte, 256<<10))
	}
}

// What a library allocates for it.
//
//go:noinline
func library() {
	for n := 0; n < each/1024; n++ {
		text = strings.Repeat("x", 1024)
	}
}

func main() {
	megabytes := flag.Int("megabytes", 24, "what every place allocates")
	flag.Parse()
	each = *megabytes << 20
	commands := control.Commands()
	control.Say("ready", nil)
	control.Await(commands, "go")
	small()
	middling()
	large()
	library()
	control.Say("allocated", nil)
	control.Await(commands, "exit")
}
