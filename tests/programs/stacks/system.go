package main

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// work is a piece of work that the runtime does on the system stack, or in code of its own. What the
// thread asks of the kernel between two marked calls, and the faults under the function that is
// named, belong to it. Its reference is the one between those of the two calls.
type work struct {
	Kind  string
	Begin int
}

var systemWork []work

// rounds is how often each piece of work is done, each time from another stack.
const rounds = 24

func workOnSystemStack() {
	// Nothing is collected, so that what is allocated must come from the kernel.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for round := 0; round < rounds; round++ {
		for number := range works {
			job := works[number]
			walkTo(uint64(1000*number+round), 18+round%4, func() { perform(job.kind, job.do) })
		}
	}
	kept = nil
}

// workUnderSignals must come first: what the handler writes to is to be fresh memory.
func workUnderSignals() {
	runtime.SetCPUProfileRate(1000)
	for round := 0; round < rounds; round++ {
		walkTo(uint64(round), 18+round%4, func() { perform("main.spinUnderSignals", spinUnderSignals) })
	}
}

var works = []struct {
	kind string
	do   func(*mark)
}{
	{"main.growByLarge", growByLarge},
	{"main.growBySmall", growBySmall},
	{"main.growStack", growStack},
	{"main.freeMemory", freeMemory},
	{"main.touchFresh", touchFresh},
	{"main.copyToFresh", copyToFresh},
	{"main.clearFresh", clearFresh},
	{"main.startGoroutines", startGoroutines},
}

//go:noinline
func perform(kind string, do func(*mark)) {
	runtime.LockOSThread()
	fresh = reserveFresh()
	systemWork = append(systemWork, work{kind, len(references.marks)})
	makeMark(0)
	do(&current)
	references.add(kind, current.pcs[:current.count])
	makeMark(0)
	runtime.UnlockOSThread()
}

var kept [][]byte

//go:noinline
func growByLarge(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), keep(make([]byte, 8<<20)))
}

//go:noinline
func keep(memory []byte) syscall.Errno {
	kept = append(kept, memory)
	return 0
}

type node struct {
	next *node
	data [5]uint64
}

var nodes *node

//go:noinline
func growBySmall(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), allocateNodes(3<<20))
}

//go:noinline
func allocateNodes(bytes int) syscall.Errno {
	for ; bytes > 0; bytes -= 48 {
		nodes = &node{next: nodes}
	}
	return 0
}

// growStack lets a new goroutine's stack grow: this one's may have grown in an earlier round.
//
//go:noinline
func growStack(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), deepen(40))
}

// deepen needs some 64 KiB of stack for each of its calls.
//
//go:noinline
func deepen(calls int) syscall.Errno {
	var local [64 << 10]byte
	local[calls] = byte(calls)
	if calls == 0 {
		return 0
	}
	return deepen(calls-1) + syscall.Errno(local[calls/2])
}

//go:noinline
func freeMemory(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), giveBack())
}

//go:noinline
func giveBack() syscall.Errno {
	nodes = nil
	debug.FreeOSMemory()
	return 0
}

const freshBytes = 64 * page

// fresh is memory that nobody has touched yet.
var fresh []byte

func reserveFresh() []byte {
	memory, err := syscall.Mmap(-1, 0, freshBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		check(err.(syscall.Errno))
	}
	return memory
}

var source = make([]byte, freshBytes)

//go:noinline
func touchFresh(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), touch(fresh))
}

//go:noinline
func touch(memory []byte) syscall.Errno {
	for at := 0; at < len(memory); at += page {
		memory[at] = 1
	}
	return 0
}

//go:noinline
func copyToFresh(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), syscall.Errno(copy(fresh, source)-freshBytes))
}

//go:noinline
func clearFresh(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), zero(fresh))
}

// zero is a loop that the compiler replaces by a call of the runtime.
//
//go:noinline
func zero(memory []byte) syscall.Errno {
	for at := range memory {
		memory[at] = 0
	}
	return 0
}

//go:noinline
func startGoroutines(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), start(2000))
}

//go:noinline
func start(count int) syscall.Errno {
	stop := make(chan bool)
	for ; count > 0; count-- {
		go func() { <-stop }()
	}
	close(stop)
	return 0
}

// spinUnderSignals is interrupted all the time; what the handler records goes to fresh memory.
//
//go:noinline
func spinUnderSignals(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), spin(40*time.Millisecond))
}

//go:noinline
func spin(duration time.Duration) syscall.Errno {
	for end := time.Now().Add(duration); time.Now().Before(end); {
		for i := 0; i < 1000; i++ {
			after += turn(i)
		}
	}
	return 0
}

//go:noinline
func turn(i int) int { return i &^ after }
