package control

import (
	"runtime"
	"sync"
)

// Truth is what a program knows of its own sockets, by the function that opened them.
type Truth struct {
	mutex          sync.Mutex
	opened, closed map[string]int
}

// Opened counts one more.
func (truth *Truth) Opened(where string) {
	truth.mutex.Lock()
	defer truth.mutex.Unlock()
	if truth.opened == nil {
		truth.opened = map[string]int{}
	}
	truth.opened[where]++
}

// Closed counts one less.
func (truth *Truth) Closed(where string) {
	truth.mutex.Lock()
	defer truth.mutex.Unlock()
	if truth.closed == nil {
		truth.closed = map[string]int{}
	}
	truth.closed[where]++
}

// Obey reports when the program is ready and at each command "state", until "exit". The live heap
// of a state is that after a collection of its own.
func (truth *Truth) Obey(commands <-chan string) {
	truth.say("ready")
	for command := range commands {
		switch command {
		case "state":
			runtime.GC()
			truth.say("state")
		case "exit":
			return
		}
	}
}

func (truth *Truth) say(event string) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	truth.mutex.Lock()
	defer truth.mutex.Unlock()
	Say(event, map[string]interface{}{
		"opened":          truth.opened,
		"closed":          truth.closed,
		"live_heap_bytes": stats.HeapAlloc,
		"collections":     stats.NumGC,
		"goroutines":      runtime.NumGoroutine(),
	})
}
