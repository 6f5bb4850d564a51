// Command lazily_freed allocates a lot, drops it, and idles: where the runtime gives memory back
// with MADV_FREE its RSS stays high although nothing leaks. After a drop of 400 MiB the background
// scavenger has given back 390 MiB within 3 s (Go 1.15) or 10 s (Go 1.26), measured on two cores;
// the command free does it at once.
//
// Commands on stdin: drop, free (debug.FreeOSMemory), state, exit.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"programs/control"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	// Sizes above 32 KiB get spans of their own, which become free as a whole.
	smallest = 64 * kib
	largest  = 1 * mib
)

// held is what the program keeps until it is told to drop it, and kept what it keeps after that.
var held, kept [][]byte

// served keeps the last answer, so that the workload cannot be optimised away.
var served string

func main() {
	megabytes := flag.Int("megabytes", 400, "how much to allocate")
	keep := flag.Int("keep", 0, "how many more megabytes stay for ever")
	hold := flag.Float64("hold", 0, "seconds before dropping; negative waits for the command drop")
	free := flag.Bool("free", false, "give back at once what is dropped: Go 1.12 waits for minutes")
	flag.Parse()

	commands := control.Commands()
	load(*keep * mib)
	kept, held = held, nil
	load(*megabytes * mib)
	report("holding")
	var due <-chan time.Time
	if *hold >= 0 {
		due = time.After(time.Duration(*hold * float64(time.Second)))
	}
	requests := time.NewTicker(10 * time.Millisecond)
	for {
		select {
		case <-due:
			drop()
			if *free {
				giveBack()
			}
		case <-requests.C:
			handle()
		case command := <-commands:
			switch command {
			case "drop":
				drop()
			case "free":
				giveBack()
			case "state":
				report("state")
			case "exit":
				return
			}
		}
	}
}

// load allocates and touches exactly so many bytes, in chunks from 64 KiB to 1 MiB.
//
//go:noinline
func load(bytes int) {
	for size := smallest; bytes > 0; size *= 2 {
		if size > largest {
			size = smallest
		}
		if size > bytes {
			size = bytes
		}
		held = append(held, newChunk(size))
		bytes -= size
	}
}

//go:noinline
func newChunk(size int) []byte {
	chunk := make([]byte, size)
	for at := 0; at < size; at += 4 * kib {
		chunk[at] = 1
	}
	return chunk
}

// drop lets everything go and collects, so that the background scavenger has work to do.
func drop() {
	held = nil
	runtime.GC()
	report("dropped")
}

//go:noinline
func giveBack() {
	debug.FreeOSMemory()
	report("freed")
}

// handle parses a small request and builds an answer: garbage as a web service makes it.
func handle() {
	request := bufio.NewReader(strings.NewReader("GET /items/7 HTTP/1.1\r\nHost: shop\r\n\r\n"))
	line, _ := request.ReadString('\n')
	fields := strings.Fields(line)
	served = fmt.Sprintf("HTTP/1.1 200 OK\r\n\r\n%s %s", fields[1], strings.Repeat("item ", 200))
}

func report(phase string) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	bytes := 0
	for _, chunk := range held {
		bytes += len(chunk)
	}
	control.Say("ready", map[string]interface{}{
		"phase":               phase,
		"held_bytes":          bytes,
		"heap_alloc_bytes":    stats.HeapAlloc,
		"heap_idle_bytes":     stats.HeapIdle,
		"heap_released_bytes": stats.HeapReleased,
	})
}
