// Command dials asks for connections, of which some are made, some fail at once or later, some are
// given up, and some stay in progress.
//
// Commands on stdin: go, exit.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"programs/control"
)

// kept keeps connections from a finalizer.
var kept []net.Conn

// What a place has counted of itself.
type counts struct {
	opened, closed, made, inProgress, givenUp int
	failed                                    map[string]int
}

func main() {
	n := flag.Int("n", 10, "connections asked for by each place")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go accept(listener)
	full := fullListener()
	refusing := refusingPort()
	commands := control.Commands()
	control.Say("ready", nil)
	control.Await(commands, "go")

	places := []struct {
		name string
		ask  func() counts
	}{
		{"main.connected", func() counts { return connected(listener.Addr().String()) }},
		{"main.refused", func() counts { return refused(refusing) }},
		{"main.unreachable", unreachable},
		{"main.givenUp", func() counts { return givenUp(full) }},
		{"main.pending", func() counts { return pending(full) }},
	}
	sums := map[string]*counts{}
	for i, place := range places {
		sum := &counts{failed: map[string]int{}}
		sums[place.name] = sum
		// Different counts, so that no two places look alike.
		for j := 0; j < *n+i; j++ {
			sum.add(place.ask())
		}
	}
	say(sums)
	control.Await(commands, "exit")
}

func (sum *counts) add(more counts) {
	sum.opened += more.opened
	sum.closed += more.closed
	sum.made += more.made
	sum.inProgress += more.inProgress
	sum.givenUp += more.givenUp
	for name, times := range more.failed {
		sum.failed[name] += times
	}
}

func say(sums map[string]*counts) {
	opened, closed := map[string]int{}, map[string]int{}
	connects := map[string]interface{}{}
	for name, counts := range sums {
		opened[name], closed[name] = counts.opened, counts.closed
		connects[name] = map[string]interface{}{
			"made": counts.made, "failed": counts.failed,
			"in_progress": counts.inProgress, "given_up": counts.givenUp,
		}
	}
	control.Say("counted", map[string]interface{}{"opened": opened, "closed": closed, "connects": connects})
}

//go:noinline
func connected(address string) counts {
	conn, err := net.Dial("tcp", address)
	check(err)
	kept = append(kept, conn)
	return counts{opened: 1, made: 1}
}

// refused learns it from the answer to a connect in progress, as Go does not wait inside the call.
//
//go:noinline
func refused(address string) counts {
	_, err := net.Dial("tcp", address)
	expect(err, syscall.ECONNREFUSED)
	return counts{opened: 1, closed: 1, failed: map[string]int{"ECONNREFUSED": 1}}
}

// unreachable fails at once: there is no TCP to a group.
//
//go:noinline
func unreachable() counts {
	_, err := net.Dial("tcp", "224.0.0.1:9")
	expect(err, syscall.ENETUNREACH)
	return counts{opened: 1, closed: 1, failed: map[string]int{"ENETUNREACH": 1}}
}

//go:noinline
func givenUp(address *net.TCPAddr) counts {
	_, err := net.DialTimeout("tcp", address.String(), 20*time.Millisecond)
	if timeout, is := err.(net.Error); !is || !timeout.Timeout() {
		fail(err)
	}
	return counts{opened: 1, closed: 1, givenUp: 1}
}

//go:noinline
func pending(address *net.TCPAddr) counts {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	check(err)
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}})
	expect(err, syscall.EINPROGRESS)
	return counts{opened: 1, inProgress: 1}
}

// fullListener has no room for a further connection: the kernel drops those that ask for one.
func fullListener() *net.TCPAddr {
	fd, address := bound()
	check(syscall.Listen(fd, 0))
	for {
		conn, err := net.DialTimeout("tcp", address.String(), 200*time.Millisecond)
		if err != nil {
			return address
		}
		kept = append(kept, conn)
	}
}

// refusingPort is taken, and nobody listens there.
func refusingPort() string {
	_, address := bound()
	return address.String()
}

func bound() (int, *net.TCPAddr) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	check(err)
	check(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := syscall.Getsockname(fd)
	check(err)
	return fd, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
}

func accept(listener net.Listener) {
	var accepted []net.Conn
	for {
		conn, err := listener.Accept()
		check(err)
		accepted = append(accepted, conn)
	}
}

// expect looks for the error below those that package net wraps it in.
func expect(err error, wanted syscall.Errno) {
	inner := err
	for {
		switch outer := inner.(type) {
		case *net.OpError:
			inner = outer.Err
		case *os.SyscallError:
			inner = outer.Err
		default:
			if inner != wanted {
				fail(err)
			}
			return
		}
	}
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "dials:", err)
	os.Exit(1)
}
