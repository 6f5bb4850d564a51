package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

const (
	sysCloseRange = 436
	// A descriptor number far above those in use.
	farDescriptor = 700
	cloexec       = syscall.SOCK_CLOEXEC
)

var (
	listener, closedPort uintptr
	// Addresses as the kernel reads them; globals, because a stack may move.
	missingPath syscall.RawSockaddrUnix
	nobody      syscall.RawSockaddrInet4
)

func prepare() {
	prepareMemory()
	missingPath.Family = syscall.AF_UNIX
	for i, char := range []byte("/nonexistent/socket") {
		missingPath.Path[i] = int8(char)
	}
	listener = must(syscall.Syscall(syscall.SYS_SOCKET, syscall.AF_INET,
		syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|cloexec, 0))
	if err := syscall.Listen(int(listener), 1); err != nil {
		fail("listen", err.(syscall.Errno))
	}
	nobody = closedLoopbackPort()
}

// closedLoopbackPort binds a port without listening: it refuses, and nobody else can take it.
func closedLoopbackPort() syscall.RawSockaddrInet4 {
	closedPort = must(syscall.Syscall(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_STREAM|cloexec, 0))
	if err := syscall.Bind(int(closedPort), &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		fail("bind", err.(syscall.Errno))
	}
	var address syscall.RawSockaddrInet4
	size := uint32(unsafe.Sizeof(address))
	must(syscall.Syscall(syscall.SYS_GETSOCKNAME, closedPort,
		uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size))))
	return address
}

//go:noinline
func dialUnix() {
	fd := must(syscall.Syscall(syscall.SYS_SOCKET, syscall.AF_UNIX, syscall.SOCK_STREAM|cloexec, 0))
	counted["socket"]++
	_, _, errno := syscall.RawSyscall(syscall.SYS_CONNECT, fd,
		uintptr(unsafe.Pointer(&missingPath)), unsafe.Sizeof(missingPath))
	expect("connect", errno, syscall.ENOENT)
	counted["connect"]++
	must(syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0))
	counted["close"]++
}

//go:noinline
func dialInet() {
	fd := must(syscall.RawSyscall(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_STREAM|cloexec, 0))
	counted["socket"]++
	_, _, errno := syscall.Syscall(syscall.SYS_CONNECT, fd,
		uintptr(unsafe.Pointer(&nobody)), unsafe.Sizeof(nobody))
	expect("connect", errno, syscall.ECONNREFUSED)
	counted["connect"]++
	must(syscall.Syscall(syscall.SYS_CLOSE, fd, 0, 0))
	counted["close"]++
}

//go:noinline
func acceptNothing() {
	_, _, errno := syscall.Syscall6(syscall.SYS_ACCEPT4, listener, 0, 0, cloexec, 0, 0)
	expect("accept4", errno, syscall.EAGAIN)
	counted["accept4"]++
}

//go:noinline
func dupClose() {
	fd := must(syscall.RawSyscall(syscall.SYS_DUP, listener, 0, 0))
	counted["dup"]++
	must(syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0))
	counted["close"]++
}

// dupTo replaces the same descriptor again and again: each call but the first closes one.
//
//go:noinline
func dupTo() {
	must(syscall.RawSyscall(syscall.SYS_DUP3, listener, farDescriptor, syscall.O_CLOEXEC))
	counted["dup3"]++
	if sysDup2 != 0 {
		must(syscall.RawSyscall(sysDup2, listener, farDescriptor, 0))
		counted["dup2"]++
	}
}

//go:noinline
func closeRange() {
	must(syscall.RawSyscall(syscall.SYS_DUP3, listener, farDescriptor, syscall.O_CLOEXEC))
	counted["dup3"]++
	must(syscall.RawSyscall(sysCloseRange, farDescriptor, farDescriptor+3, 0))
	counted["close_range"]++
}

func must(value, _ uintptr, errno syscall.Errno) uintptr {
	if errno != 0 {
		fail("call failed", errno)
	}
	return value
}

func expect(call string, errno, wanted syscall.Errno) {
	if errno != wanted {
		fail(call+" did not answer "+wanted.Error(), errno)
	}
}

func fail(what string, errno syscall.Errno) {
	fmt.Fprintf(os.Stderr, "calls: %s: %v\n", what, errno)
	os.Exit(1)
}
