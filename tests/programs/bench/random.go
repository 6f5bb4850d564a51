package main

import "syscall"

type region struct{ at, length uintptr }

const (
	regions   = 512
	mostPages = 256
)

var (
	mappings [regions]region
	state    uint64 = 0x9e3779b97f4a7c15
)

// random is a xorshift generator: the same numbers in each run.
func random() uint64 {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return state
}

// scatter maps, advises or unmaps a region of any size, anywhere in a set, from any of 512 stacks.
//
//go:noinline
func scatter() {
	scatterFrom(random(), turns)
}

//go:noinline
func scatterFrom(way uint64, turns int) {
	if turns > 0 {
		if way&1 == 0 {
			scatterLeft(way>>1, turns-1)
		} else {
			scatterRight(way>>1, turns-1)
		}
		return
	}
	choice := random()
	picked := &mappings[choice%regions]
	switch {
	case picked.at == 0:
		length := uintptr(random()%mostPages+1) * pageSize
		at, _, errno := syscall.Syscall6(syscall.SYS_MMAP, 0, length, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_PRIVATE|syscall.MAP_ANON, ^uintptr(0), 0)
		must(errno)
		counted["mmap"]++
		*picked = region{at, length}
	case choice>>32&1 == 0:
		length := uintptr(random()%uint64(picked.length/pageSize)+1) * pageSize
		_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, picked.at, length, madviseDontneed)
		must(errno)
		counted["madvise_dontneed"]++
	default:
		_, _, errno := syscall.Syscall(syscall.SYS_MUNMAP, picked.at, picked.length, 0)
		must(errno)
		counted["munmap"]++
		picked.at = 0
	}
}

//go:noinline
func scatterLeft(way uint64, turns int) {
	scatterFrom(way, turns)
	after++
}

//go:noinline
func scatterRight(way uint64, turns int) {
	scatterFrom(way, turns)
	after += 2
}
