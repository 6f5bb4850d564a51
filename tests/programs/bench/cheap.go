package main

import (
	"flag"
	"syscall"
)

//go:noinline
func askParent() {
	syscall.Getppid()
}

//go:noinline
func openClose() {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	check(err)
	check(syscall.Close(fd))
	counted["close"]++
}

const (
	// With the functions below and above, the call has 30 frames, two for each turn.
	turns = 9
	// So many calls in a row come from the same stack.
	perStack = 100
	// So many stacks there are at most.
	ways = 512
)

// askBreak makes the cheapest call that is watched, one in a hundred from a new stack.
//
//go:noinline
func askBreak() {
	calls++
	left(calls/perStack%ways, *deep)
}

var (
	calls int
	deep  = flag.Int("turns", turns, "how deep the calls of brk are: 12 frames, and two for each")
)

// Each number leads to the call on a way of its own, as far as the turns suffice.
//
//go:noinline
func left(way, turns int) {
	turn(way, turns)
	after++
}

//go:noinline
func right(way, turns int) {
	turn(way, turns)
	after += 2
}

func turn(way, turns int) {
	switch {
	case turns == 0:
		_, _, errno := syscall.RawSyscall(syscall.SYS_BRK, 0, 0, 0)
		must(errno)
		counted["brk"]++
	case way&1 == 0:
		left(way>>1, turns-1)
	default:
		right(way>>1, turns-1)
	}
}

// after is what a function does when it is back: so no call is its last act.
var after int
