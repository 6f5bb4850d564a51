// Command steady allocates and drops at a steady rate with a stable live heap: nothing to find.
//
// Commands on stdin: state, exit.
package main

import (
	"flag"
	"runtime"
	"time"

	"programs/control"
)

// live is the working set; a slot is replaced as a cache replaces its oldest entry.
var live [][]byte

func main() {
	slots := flag.Int("slots", 64, "entries of the working set")
	size := flag.Int("size", 256<<10, "bytes of an entry")
	flag.Parse()

	live = make([][]byte, *slots)
	commands := control.Commands()
	ticker := time.NewTicker(5 * time.Millisecond)
	for made := 0; ; {
		select {
		case <-ticker.C:
			live[made%*slots] = entry(*size)
			made++
			// The working set was replaced a few times: the heap has reached its size.
			if made == 4**slots {
				report("ready", made)
			}
		case command := <-commands:
			switch command {
			case "state":
				report("state", made)
			case "exit":
				return
			}
		}
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

func report(event string, made int) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	control.Say(event, map[string]interface{}{
		"entries_made":     made,
		"heap_alloc_bytes": stats.HeapAlloc,
		"heap_sys_bytes":   stats.HeapSys,
		"collections":      stats.NumGC,
	})
}
