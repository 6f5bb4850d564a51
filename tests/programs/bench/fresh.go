package main

import "syscall"

const (
	// So many pages, each of which is touched once.
	freshPages = 32768
	// So many turns lead to the touch: as many ways as pages.
	freshTurns     = 15
	madviseNoHuge  = 15
	freshArenaSize = freshPages * pageSize
)

// prepareFresh returns an operation that touches a page for the first time, each from another stack.
func prepareFresh() func() {
	arena, _, errno := syscall.Syscall6(syscall.SYS_MMAP, 0, freshArenaSize, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON, ^uintptr(0), 0)
	must(errno)
	// Where the kernel has huge pages, one touch would bring in many.
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, arena, freshArenaSize, madviseNoHuge)
	next := 0
	return func() {
		east(next, freshTurns, arena+uintptr(next)*pageSize)
		next++
	}
}

//go:noinline
func east(way, turns int, page uintptr) {
	cross(way, turns, page)
	after++
}

//go:noinline
func west(way, turns int, page uintptr) {
	cross(way, turns, page)
	after += 2
}

func cross(way, turns int, page uintptr) {
	switch {
	case turns == 0:
		touch(page)
	case way&1 == 0:
		east(way>>1, turns-1, page)
	default:
		west(way>>1, turns-1, page)
	}
}
