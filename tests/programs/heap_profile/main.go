// Program heap_profile allocates at sites of every kind, then holds still and, when told to, writes
// its own heap profile as runtime/pprof does.
package main

import (
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"

	"programs/control"
)

// Samples come often, so that each site has some.
func init() { runtime.MemProfileRate = 2048 }

// kept is what stays in use.
var kept []interface{}

func keep(object interface{}) { kept = append(kept, object) }

type node struct {
	next *node
	name string
	pad  [4]uint64
}

//go:noinline
func small(count int) {
	var list *node
	for i := 0; i < count; i++ {
		list = &node{next: list}
	}
	keep(list)
}

//go:noinline
func large(count int) {
	for i := 0; i < count; i++ {
		keep(make([]byte, 300<<10))
	}
}

//go:noinline
func freed(count int) {
	for i := 0; i < count; i++ {
		garbage = make([]byte, 5000)
	}
	garbage = nil
}

var garbage []byte

// Three calls that the compiler nests in one.
func inlinedLeaf(n int) []int32   { return make([]int32, n) }
func inlinedMiddle(n int) []int32 { return inlinedLeaf(n + 1) }

//go:noinline
func inlined(count int) {
	for i := 0; i < count; i++ {
		keep(inlinedMiddle(100 + i%7))
	}
}

// deep allocates below more frames than Go 1.22 records.
//
//go:noinline
func deep(frames int) []byte {
	if frames == 0 {
		return make([]byte, 3000)
	}
	return append(deep(frames-1), 1)
}

// deepInlined does so where every second frame is inlined into the other.
//
//go:noinline
func deepInlined(frames int) []byte {
	if frames == 0 {
		return make([]byte, 2000)
	}
	return between(frames)
}

func between(frames int) []byte { return deepInlined(frames - 1) }

type speaker interface{ speak(int) }

type value struct{ words [3]uint64 }

func (v value) speak(n int) { keep(make([]uint16, n)) }

type outer struct{ value }

// wrapped calls through what the compiler generates around a method.
//
//go:noinline
func wrapped(count int) {
	var all = []speaker{value{}, &value{}, &outer{}}
	for i := 0; i < count; i++ {
		all[i%len(all)].speak(700)
	}
}

//go:noinline
func library(count int) {
	table := make(map[string]int)
	for i := 0; i < count; i++ {
		table[strings.Repeat(strconv.Itoa(i), 20)] = i
	}
	keep(table)
	var text strings.Builder
	for i := 0; i < count; i++ {
		text.WriteString("something to keep ")
	}
	keep(text.String())
	keep([]byte(text.String()))
	keep(append([]int(nil), make([]int, count)...))
}

//go:noinline
func closures(count int) {
	done := make(chan bool)
	for i := 0; i < count; i++ {
		n := i
		go func() {
			defer func() { done <- true }()
			func() { keepLater <- func() int { return n } }()
		}()
		keep(<-keepLater)
		<-done
	}
}

var keepLater = make(chan func() int, 1)

// begin lets go by what the allocator took the old rate for.
func begin() {
	for i := 0; i < 16; i++ {
		garbage = make([]byte, 4<<20)
	}
	garbage = nil
}

func allocate() {
	begin()
	small(4000)
	large(8)
	freed(2000)
	inlined(500)
	for _, frames := range []int{20, 31, 32, 33, 40, 60, 100, 126, 127, 128, 129, 200} {
		for i := 0; i < 20; i++ {
			keep(deep(frames))
			keep(deepInlined(frames))
		}
	}
	wrapped(300)
	library(3000)
	closures(300)
	generic(500)
	native(50)
}

// write saves the profile; debug is as in pprof.Profile.WriteTo.
func write(path string, debug int) {
	file, err := os.Create(path)
	if err == nil {
		err = pprof.Lookup("heap").WriteTo(file, debug)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		control.Say("failed", map[string]interface{}{"error": err.Error()})
		os.Exit(1)
	}
}

func main() {
	// Named before it is read, which would find the names among what was allocated.
	directory := os.Args[1]
	own, text := directory+"/own.pb.gz", directory+"/own.txt"
	collect := len(os.Args) < 3
	commands := control.Commands()
	fill(collect)
	for command := range commands {
		switch command {
		case "write":
			write(own, 0)
			write(text, 1)
			control.Say("written", nil)
		case "more":
			fill(collect)
		case "exit":
			return
		}
	}
}

func fill(collect bool) {
	allocate()
	if collect {
		// The second publishes what the first one freed.
		runtime.GC()
		runtime.GC()
	}
	control.Say("ready", nil)
}
