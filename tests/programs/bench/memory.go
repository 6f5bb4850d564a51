package main

import (
	"runtime/debug"
	"syscall"
	"unsafe"
)

const (
	mapped          = 64 << 10
	madviseDontneed = 4
	allocated       = 1 << 20
	pageSize        = 4096
	givenBackEvery  = 64
)

// mapTouchUnmap touches one page, so that the calls are most of the operation.
//
//go:noinline
func mapTouchUnmap() {
	at, _, errno := syscall.Syscall6(syscall.SYS_MMAP, 0, mapped, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON, ^uintptr(0), 0)
	must(errno)
	counted["mmap"]++
	touch(at)
	_, _, errno = syscall.Syscall(syscall.SYS_MADVISE, at, mapped, madviseDontneed)
	must(errno)
	counted["madvise_dontneed"]++
	_, _, errno = syscall.Syscall(syscall.SYS_MUNMAP, at, mapped, 0)
	must(errno)
	counted["munmap"]++
}

// touch writes to memory that no Go pointer leads to.
//
//go:noinline
//go:nocheckptr
func touch(at uintptr) {
	**(**byte)(unsafe.Pointer(&at)) = 1
}

// kept is what the collector must keep: the last few allocations.
var kept [8][]byte
var allocations int

// allocate lets the collector run, and now and then gives free memory back to the kernel: so a part
// of the pages is touched for the first time.
//
//go:noinline
func allocate() {
	memory := make([]byte, allocated)
	for i := 0; i < len(memory); i += pageSize {
		memory[i] = 1
	}
	kept[allocations%len(kept)] = memory
	allocations++
	if allocations%givenBackEvery == 0 {
		debug.FreeOSMemory()
	}
}

func must(errno syscall.Errno) {
	if errno != 0 {
		check(errno)
	}
}
