// Command stacks_cgo calls the kernel from C, and from Go that C has called, out of known stacks.
//
// Each call names a page of a reserved region, as in the program stacks.
// Commands on stdin: go, exit.
package main

/*
#cgo CFLAGS: -O2 -fno-omit-frame-pointer
#include "native.h"
*/
import "C"

import (
	"flag"
	"runtime"
	"syscall"

	"programs/control"
)

func main() {
	rounds := flag.Int("rounds", 40, "calls made in each way")
	flag.Parse()

	commands := control.Commands()
	control.Say("ready", nil)
	control.Await(commands, "go")
	C.native_handle()
	for round := 0; round < *rounds; round++ {
		for _, way := range ways {
			descend(17+round%20, func() { way.make(way.name, round) })
		}
	}
	control.Say("walked", references.report())
	control.Await(commands, "exit")
}

//go:noinline
func descend(left int, bottom func()) {
	if left == 0 {
		bottom()
		return
	}
	if left%3 == 0 {
		func() { descend(left-1, bottom); after++ }()
	} else {
		descend(left-1, bottom)
	}
	after++
}

// after is what each call counts when it is back, so that no call is the last thing it does.
var after int

var current mark

type way struct {
	name string
	make func(name string, round int)
}

var ways = []way{
	{"main.byNative", called(byNative)},
	{"main.byNativeAstray", called(byNativeAstray)},
	{"main.bySyscall", called(bySyscall)},
	{"main.byHandler", called(byHandler)},
	{"main.byHandlerInNative", called(byHandlerInNative)},
	{"main.back", calledBack(viaNative)},
	{"main.back", calledBack(viaNativeAstray)},
	{"main.back", calledBack(viaBoth)},
	{"main.backInNative", calledBackInNative(viaNative)},
	{"main.backInNative", calledBackInNative(viaNativeAstray)},
}

func called(call func(*mark, int)) func(string, int) {
	return func(name string, round int) {
		current.address = references.next()
		call(&current, round)
		references.add(name, current.pcs[:current.count])
	}
}

//go:noinline
func byNative(m *mark, round int) {
	m.took(runtime.Callers(1, m.pcs[:]), errno(int(C.native_advise(C.uintptr_t(m.address), C.int(round%3)))))
}

//go:noinline
func byNativeAstray(m *mark, round int) {
	m.took(runtime.Callers(1, m.pcs[:]), errno(int(C.native_advise_astray(C.uintptr_t(m.address), C.int(round%C.NATIVE_KINDS)))))
}

//go:noinline
func bySyscall(m *mark, round int) {
	m.took(runtime.Callers(1, m.pcs[:]), only(syscall.Syscall(syscall.SYS_MADVISE, m.address, page, dontNeed)))
}

// byHandler is interrupted in Go, where the handler makes the call.
//
//go:noinline
func byHandler(m *mark, round int) {
	C.native_signalled = C.uintptr_t(m.address)
	m.took(runtime.Callers(1, m.pcs[:]), raise())
}

// raise returns from the kernel by way of the handler. It hides behind the interrupted function,
// which has no frame.
//
//go:noinline
func raise() syscall.Errno {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	process, thread := uintptr(syscall.Getpid()), uintptr(syscall.Gettid())
	return only(syscall.RawSyscall(syscall.SYS_TGKILL, process, thread, uintptr(syscall.SIGUSR2)))
}

// byHandlerInNative is interrupted in C.
//
//go:noinline
func byHandlerInNative(m *mark, round int) {
	m.took(runtime.Callers(1, m.pcs[:]), errno(int(C.native_raise(C.uintptr_t(m.address), C.int(round%3)))))
}

func only(_, _ uintptr, errno syscall.Errno) syscall.Errno { return errno }

func errno(result int) syscall.Errno {
	if result < 0 {
		return syscall.EINVAL
	}
	return 0
}

// whenBack is what the function does that C calls.
var whenBack func()

//export goBack
func goBack() { whenBack() }

func calledBack(via func(round int)) func(string, int) {
	return func(name string, round int) {
		whenBack = func() { back(name, round) }
		via(round)
	}
}

func calledBackInNative(via func(round int)) func(string, int) {
	return func(name string, round int) {
		whenBack = func() { backInNative(name, round) }
		via(round)
	}
}

//go:noinline
func viaNative(round int) {
	C.native_call_back(C.int(round % 3))
	after++
}

//go:noinline
func viaNativeAstray(round int) {
	C.native_call_back_astray(C.int(round % C.NATIVE_KINDS))
	after++
}

// viaBoth goes to C and back twice.
//
//go:noinline
func viaBoth(round int) {
	last := whenBack
	whenBack = func() {
		whenBack = last
		viaNative(round)
	}
	viaNativeAstray(round)
}

//go:noinline
func back(name string, round int) {
	descend(5, func() {
		current.address = references.next()
		bySyscall(&current, round)
		references.add("main.bySyscall", current.pcs[:current.count])
	})
	after++
}

//go:noinline
func backInNative(name string, round int) {
	descend(5, func() {
		current.address = references.next()
		byNativeAstray(&current, round)
		references.add("main.byNativeAstray", current.pcs[:current.count])
	})
	after++
}
