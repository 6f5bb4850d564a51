// Command calls makes an exact number of each system call the tracer watches, under a known stack:
// main.main, main.outer, main.middle (recursive, -depth times), main.inner, then the kind's function.
//
// Commands on stdin: go, exit.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"programs/control"
)

// kind is one sort of work; its function makes the calls and counts each where it makes it.
type kind struct {
	name string
	step func()
}

var kinds = []kind{
	{"map", mapUnmap},
	{"remap", remap},
	{"protect", protect},
	{"free", adviseFree},
	{"dontneed", adviseDontneed},
	{"process", adviseProcess},
	{"break", queryBreak},
	{"unix", dialUnix},
	{"inet", dialInet},
	{"accept", acceptNothing},
	{"dup", dupClose},
	{"dupto", dupTo},
	{"range", closeRange},
}

// counted holds what this program itself called, by the name of the call.
var counted = map[string]int{}

// The Go runtime makes these too: tell them apart by a stack that leads to main.inner without a
// function of the runtime, or by `length` for mappings and by the address in `region` for advice.
// All other counts are exact in total.
var sharedWithRuntime = []string{"mmap", "munmap", "madvise_free", "madvise_dontneed", "close"}

func main() {
	times := flag.Int("n", 1000, "how often each kind is done")
	only := flag.String("kinds", "", "comma-separated kinds; empty means all")
	depth := flag.Int("depth", 1, "frames of main.middle")
	flag.Parse()

	chosen := choose(*only)
	prepare()
	commands := control.Commands()
	control.Say("ready", map[string]interface{}{
		"region": fmt.Sprintf("%#x", region), "length": length,
	})
	control.Await(commands, "go")
	outer(chosen, *times, *depth)
	control.Say("counted", map[string]interface{}{
		"counts": counted, "shared_with_runtime": sharedWithRuntime,
		"region": fmt.Sprintf("%#x", region), "length": length, "depth": *depth,
	})
	control.Await(commands, "exit")
}

func choose(only string) []kind {
	if only == "" {
		return kinds
	}
	var chosen []kind
	for _, name := range strings.Split(only, ",") {
		known := false
		for _, kind := range kinds {
			if kind.name == name {
				chosen = append(chosen, kind)
				known = true
			}
		}
		if !known {
			fmt.Fprintln(os.Stderr, "calls: unknown kind", name)
			os.Exit(2)
		}
	}
	return chosen
}

//go:noinline
func outer(kinds []kind, times, depth int) {
	middle(kinds, times, depth)
}

//go:noinline
func middle(kinds []kind, times, depth int) {
	if depth > 1 {
		middle(kinds, times, depth-1)
		return
	}
	for _, kind := range kinds {
		inner(kind, times)
	}
}

//go:noinline
func inner(kind kind, times int) {
	for i := 0; i < times; i++ {
		kind.step()
	}
}
