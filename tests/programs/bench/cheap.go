package main

import "syscall"

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
	// With the functions below and above, the call has 17 frames.
	turns = 9
	// So many calls in a row come from the same stack.
	perStack = 100
)

// askBreak makes the cheapest call that is watched, one in a hundred from a new stack.
//
//go:noinline
func askBreak() {
	calls++
	left(calls/perStack, turns)
}

var calls int

// Each number leads to the call on a way of its own: 512 ways.
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
