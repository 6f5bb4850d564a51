// Command sockets dials itself over loopback: one call site closes what it opens, one does not.
//
// Commands on stdin: go, close (the leaked ones), exit.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"programs/control"
)

// leaked keeps its connections reachable: a finalizer would close them.
var leaked []net.Conn

func main() {
	good := flag.Int("good", 100, "connections opened and closed")
	leaky := flag.Int("leaky", 50, "connections opened and left open")
	alone := flag.Bool("alone", false, "raise the loopback of a network namespace that has nothing up")
	flag.Parse()
	if *alone {
		raiseLoopback()
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	answered := make(chan struct{})
	go serve(listener, answered)
	address := listener.Addr().String()

	commands := control.Commands()
	control.Say("ready", map[string]interface{}{"address": address})
	for command := range commands {
		switch command {
		case "go":
			for i := 0; i < *good; i++ {
				dialGood(address)
				<-answered
			}
			for i := 0; i < *leaky; i++ {
				dialLeaky(address)
				<-answered
			}
			count(*good, *leaky)
		case "close":
			for _, conn := range leaked {
				check(conn.Close())
			}
			leaked = nil
			count(*good, *leaky)
		case "exit":
			return
		}
	}
}

func count(good, leaky int) {
	control.Say("counted", map[string]interface{}{
		"opened":         map[string]int{"main.dialGood": good, "main.dialLeaky": leaky, "main.serve": good + leaky},
		"open_by_dialer": len(leaked),
	})
}

//go:noinline
func dialGood(address string) {
	conn, err := net.Dial("tcp", address)
	check(err)
	exchange(conn)
	check(conn.Close())
}

//go:noinline
func dialLeaky(address string) {
	conn, err := net.Dial("tcp", address)
	check(err)
	exchange(conn)
	leaked = append(leaked, conn)
}

func raiseLoopback() {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	check(err)
	// struct ifreq (netdevice(7)).
	request := struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP}
	copy(request.name[:], "lo")
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request)))
	if failed != 0 {
		check(failed)
	}
	check(syscall.Close(fd))
}

// exchange makes sure that the other side has accepted.
func exchange(conn net.Conn) {
	_, err := conn.Write([]byte("ping"))
	check(err)
	_, err = io.ReadFull(conn, make([]byte, 4))
	check(err)
}

// serve accepts in this goroutine and says so after each answer.
func serve(listener net.Listener, answered chan<- struct{}) {
	for {
		conn, err := listener.Accept()
		check(err)
		go echo(conn, answered)
	}
}

// echo answers until the peer closes, then closes its own end.
func echo(conn net.Conn, answered chan<- struct{}) {
	buffer := make([]byte, 4)
	for {
		if _, err := io.ReadFull(conn, buffer); err != nil {
			check(conn.Close())
			return
		}
		_, err := conn.Write(buffer)
		check(err)
		answered <- struct{}{}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "sockets:", err)
		os.Exit(1)
	}
}
