package main

import (
	"runtime"
	"syscall"
)

// current is reused: the walks are one after the other, whatever goroutine they are on.
var current mark

// marks are the ways into the kernel. Each asks runtime.Callers in the line of the call.
var marks = []struct {
	name string
	call func(*mark)
}{
	{"main.bySyscall", bySyscall},
	{"main.byRawSyscall", byRawSyscall},
	{"main.bySyscall6", bySyscall6},
	{"main.byRawSyscall6", byRawSyscall6},
	{"main.byMprotect", byMprotect},
	{"main.byMunmap", byMunmap},
	{"main.byLeaf", byLeaf},
	{"main.byFramed", byFramed},
}

// makeMark makes the next call in one of the ways and keeps its reference.
//
//go:noinline
func makeMark(way uint64) {
	chosen := marks[way%uint64(len(marks))]
	current.address = references.next()
	chosen.call(&current)
	references.add(chosen.name, current.pcs[:current.count])
}

func only(_, _ uintptr, errno syscall.Errno) syscall.Errno { return errno }

//go:noinline
func bySyscall(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.Syscall(syscall.SYS_MADVISE, m.address, page, dontNeed)))
}

//go:noinline
func byRawSyscall(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.RawSyscall(syscall.SYS_MADVISE, m.address, page, dontNeed)))
}

//go:noinline
func bySyscall6(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.Syscall6(syscall.SYS_MADVISE, m.address, page, dontNeed, 0, 0, 0)))
}

//go:noinline
func byRawSyscall6(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.RawSyscall6(syscall.SYS_MADVISE, m.address, page, dontNeed, 0, 0, 0)))
}

//go:noinline
func byMprotect(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.Syscall(syscall.SYS_MPROTECT, m.address, page, syscall.PROT_NONE)))
}

//go:noinline
func byMunmap(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.Syscall(syscall.SYS_MUNMAP, m.address, page, 0)))
}

//go:noinline
func byLeaf(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), syscall.Errno(-adviseLeaf(m.address, page, dontNeed)))
}

//go:noinline
func byFramed(m *mark) {
	m.took(runtime.Callers(1, m.pcs[:]), syscall.Errno(-adviseFramed(m.address, page, dontNeed)))
}

// adviseLeaf is madvise in assembly without a frame.
func adviseLeaf(address, length, advice uintptr) (result int)

// adviseFramed is madvise in assembly with a frame.
func adviseFramed(address, length, advice uintptr) (result int)
