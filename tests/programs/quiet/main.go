// Command quiet makes garbage, stacks and waiting goroutines, comes to rest, and says what its own
// runtime knows of itself at that moment. Then nothing is allocated until it exits.
//
// On stdout: a line of JSON, then as many bytes of `runtime.Stack` as its "stacks" says.
// It ends with its stdin. Builds with Go 1.11.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// node is a small object with pointers.
type node struct {
	next *node
	data [80]byte
}

var (
	kept    []*node
	buffers [][]byte
	large   [][]byte
	locked  sync.Mutex
	group   sync.WaitGroup
	never   = make(chan int)
)

func allocate(nodes int) {
	for i := 0; i < nodes; i++ {
		n := &node{}
		n.data[i%80] = 1
		// Every second one becomes garbage, so that spans are half full.
		if i%2 == 0 {
			kept = append(kept, n)
		}
	}
	for i := 0; i < 400; i++ {
		buffers = append(buffers, make([]byte, 100+i*31%9000))
	}
	for i := 0; i < 8; i++ {
		large = append(large, make([]byte, 1<<20+i*12345))
	}
	large[3], large[5] = nil, nil
}

func receive() { <-never }

func nothing() { select {} }

func pause() { time.Sleep(time.Hour) }

func lock() { locked.Lock() }

func wait() { group.Wait() }

func deep(depth int) int {
	var room [128]byte
	if depth == 0 {
		<-never
	}
	return deep(depth-1) + int(room[depth%128])
}

func goroutines(count int) {
	for i := 0; i < count; i++ {
		go receive()
	}
	for i := 0; i < 20; i++ {
		go nothing()
		go pause()
	}
	locked.Lock()
	group.Add(1)
	for i := 0; i < 7; i++ {
		go lock()
		go wait()
		go deep(200)
	}
	ended := make(chan int)
	for i := 0; i < 30; i++ {
		go func() { ended <- i }()
	}
	for i := 0; i < 30; i++ {
		<-ended
	}
}

// spareThreads makes threads that wait for work: a new one, which a slow system call may ask for on
// a busy machine, would allocate its stack when all is at rest.
func spareThreads() {
	done := make(chan int)
	for i := 0; i < 8; i++ {
		go func() {
			pause := syscall.Timespec{Nsec: 20000000}
			syscall.Nanosleep(&pause, nil)
			done <- 0
		}()
	}
	for i := 0; i < 8; i++ {
		<-done
	}
}

func main() {
	nodes := flag.Int("nodes", 20000, "small objects, of which half are kept")
	count := flag.Int("goroutines", 50, "goroutines that wait for a channel")
	percent := flag.Int("percent", 150, "GOGC")
	flag.Parse()

	debug.SetGCPercent(*percent)
	allocate(*nodes)
	goroutines(*count)
	spareThreads()
	// Until all have parked.
	time.Sleep(200 * time.Millisecond)
	debug.FreeOSMemory()
	runtime.GC()
	debug.FreeOSMemory()

	stacks := make([]byte, 1<<20)
	text := make([]byte, 0, 1<<16)
	stdin := make([]byte, 1)
	var stats runtime.MemStats
	// Once for whatever the first call allocates.
	runtime.ReadMemStats(&stats)
	text = describe(text, &stats, 0)
	time.Sleep(100 * time.Millisecond)
	length := runtime.Stack(stacks, true)
	runtime.ReadMemStats(&stats)
	text = describe(text[:0], &stats, length)
	write(text)
	write(stacks[:length])
	for {
		read, err := syscall.Read(0, stdin)
		if err != syscall.EINTR && read <= 0 {
			os.Exit(0)
		}
	}
}

// write does not come from package os, which may allocate.
func write(text []byte) {
	for len(text) > 0 {
		count, err := syscall.Write(1, text)
		if err != nil && err != syscall.EINTR && err != syscall.EAGAIN {
			os.Exit(1)
		}
		if count > 0 {
			text = text[count:]
		}
	}
}

func describe(text []byte, stats *runtime.MemStats, length int) []byte {
	number := func(name string, value uint64) {
		if len(text) > 0 {
			text = append(text, ',')
		} else {
			text = append(text, '{')
		}
		text = append(text, '"')
		text = append(text, name...)
		text = append(text, '"', ':')
		text = strconv.AppendUint(text, value, 10)
	}
	number("HeapInuse", stats.HeapInuse)
	number("HeapIdle", stats.HeapIdle)
	number("HeapReleased", stats.HeapReleased)
	number("HeapSys", stats.HeapSys)
	number("HeapAlloc", stats.HeapAlloc)
	number("StackInuse", stats.StackInuse)
	number("StackSys", stats.StackSys)
	number("MSpanSys", stats.MSpanSys)
	number("MCacheSys", stats.MCacheSys)
	number("BuckHashSys", stats.BuckHashSys)
	number("GCSys", stats.GCSys)
	number("OtherSys", stats.OtherSys)
	number("NextGC", stats.NextGC)
	number("LastGC", stats.LastGC)
	number("PauseTotalNs", stats.PauseTotalNs)
	number("LastPause", stats.PauseNs[(stats.NumGC+255)%256])
	number("NumGC", uint64(stats.NumGC))
	number("NumForcedGC", uint64(stats.NumForcedGC))
	number("NumGoroutine", uint64(runtime.NumGoroutine()))
	number("GOMAXPROCS", uint64(runtime.GOMAXPROCS(0)))
	number("stacks", uint64(length))
	return append(text, '}', '\n')
}
