package main

import (
	"syscall"
	"unsafe"
)

const (
	pageSize = 4096
	// An odd number of pages: the Go runtime and the C library map nothing of this length.
	length = 19 * pageSize
	// What mremap grows to.
	grown = 23 * pageSize

	// Numbers of the kernel headers that package syscall lacks; the same on amd64 and arm64.
	sysPidfdOpen      = 434
	sysProcessMadvise = 440
	mremapMayMove     = 1
	madviseDontneed   = 4
	madviseFree       = 8
	madviseCold       = 20

	readWrite        = syscall.PROT_READ | syscall.PROT_WRITE
	privateAnonymous = syscall.MAP_PRIVATE | syscall.MAP_ANON
	noFile           = ^uintptr(0)
)

var (
	// region is mapped once and never moves; remapped moves and changes its size.
	region, remapped uintptr
	remappedLength   uintptr = length
	writable                 = true
	self             uintptr
	// The argument of process_madvise; a global, because a stack may move.
	vector [1]struct{ base, length uintptr }
)

func prepareMemory() {
	region = must(syscall.Syscall6(syscall.SYS_MMAP, 0, length, readWrite, privateAnonymous, noFile, 0))
	remapped = must(syscall.Syscall6(syscall.SYS_MMAP, 0, length, readWrite, privateAnonymous, noFile, 0))
	self = must(syscall.Syscall(sysPidfdOpen, uintptr(syscall.Getpid()), 0, 0))
	vector[0].base, vector[0].length = region, length
}

//go:noinline
func mapUnmap() {
	at := must(syscall.Syscall6(syscall.SYS_MMAP, 0, length, readWrite, privateAnonymous, noFile, 0))
	counted["mmap"]++
	must(syscall.RawSyscall(syscall.SYS_MUNMAP, at, length, 0))
	counted["munmap"]++
}

//go:noinline
func remap() {
	wanted := uintptr(length + grown - remappedLength)
	remapped = must(syscall.RawSyscall6(syscall.SYS_MREMAP, remapped, remappedLength, wanted, mremapMayMove, 0, 0))
	remappedLength = wanted
	counted["mremap"]++
}

//go:noinline
func protect() {
	writable = !writable
	protection := uintptr(syscall.PROT_READ)
	if writable {
		protection = readWrite
	}
	must(syscall.RawSyscall(syscall.SYS_MPROTECT, region, length, protection))
	counted["mprotect"]++
}

//go:noinline
func adviseFree() {
	must(syscall.Syscall(syscall.SYS_MADVISE, region, length, madviseFree))
	counted["madvise_free"]++
}

//go:noinline
func adviseDontneed() {
	must(syscall.RawSyscall(syscall.SYS_MADVISE, region, length, madviseDontneed))
	counted["madvise_dontneed"]++
}

// adviseProcess uses the one advice that every kernel with process_madvise takes (5.10).
//
//go:noinline
func adviseProcess() {
	advised := must(syscall.Syscall6(sysProcessMadvise, self,
		uintptr(unsafe.Pointer(&vector)), uintptr(len(vector)), madviseCold, 0, 0))
	if advised != length {
		fail("process_madvise advised less than asked", syscall.EINVAL)
	}
	counted["process_madvise_cold"]++
}

// queryBreak asks for the end of the heap, as `brk(0)` does.
//
//go:noinline
func queryBreak() {
	must(syscall.RawSyscall(syscall.SYS_BRK, 0, 0, 0))
	counted["brk"]++
}
