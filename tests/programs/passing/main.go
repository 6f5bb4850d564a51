// Command passing gives sockets to another process: it dials itself, sends the connections through a
// Unix socket, and closes its own descriptors. What was sent stays open at the receiver, which is
// this program once more, and which opens nothing itself.
//
// Commands on stdin: go, exit.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"programs/control"
)

// The receiver's end of the Unix socket: the first descriptor that it inherits.
const inherited = 3

func main() {
	n := flag.Int("n", 5, "connections sent")
	flag.Parse()
	if flag.Arg(0) == "receive" {
		receive()
		return
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go accept(listener)
	to, receiver := start()
	commands := control.Commands()
	control.Say("ready", map[string]interface{}{"receiver": receiver, "address": listener.Addr().String()})
	control.Await(commands, "go")
	for i := 0; i < *n; i++ {
		sendConnection(to, listener.Addr())
	}
	sendSocket(to, listener.Addr().(*net.TCPAddr).Port)
	// It has received all that came before.
	send(to, nil, 0)
	_, err = syscall.Read(to, make([]byte, 1))
	check(err)
	places := map[string]int{"main.sendConnection": *n, "main.sendSocket": 1}
	control.Say("counted", map[string]interface{}{
		"opened": places, "closed": places,
		// One was closed at once.
		"kept": *n,
	})
	control.Await(commands, "exit")
}

// start runs the receiver, which ends with this process.
func start() (to, pid int) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	check(err)
	receiver := exec.Command(os.Args[0], "receive")
	end := os.NewFile(uintptr(pair[1]), "receiver")
	receiver.ExtraFiles = []*os.File{end}
	receiver.Stderr = os.Stderr
	check(receiver.Start())
	check(end.Close())
	return pair[0], receiver.Process.Pid
}

//go:noinline
func sendConnection(to int, address net.Addr) {
	conn, err := net.Dial("tcp", address.String())
	check(err)
	file, err := conn.(*net.TCPConn).File()
	check(err)
	send(to, syscall.UnixRights(int(file.Fd())), 0)
	check(file.Close())
	check(conn.Close())
}

// sendSocket leaves it to the receiver to connect.
//
//go:noinline
func sendSocket(to, port int) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	check(err)
	send(to, syscall.UnixRights(fd), port)
	check(syscall.Close(fd))
}

// send sends rights, and where to connect what they are for.
func send(to int, rights []byte, port int) {
	check(syscall.Sendmsg(to, []byte{byte(port >> 8), byte(port)}, rights, nil, 0))
}

// receive keeps what it is given, one of them twice, and closes the first.
func receive() {
	control := make([]byte, syscall.CmsgSpace(4))
	for received := 0; ; {
		port := make([]byte, 2)
		n, rights, _, _, err := syscall.Recvmsg(inherited, port, control, syscall.MSG_CMSG_CLOEXEC)
		check(err)
		if n == 0 {
			return
		}
		if rights == 0 {
			_, err = syscall.Write(inherited, []byte{1})
			check(err)
			continue
		}
		fd := only(control[:rights])
		received++
		switch {
		case received == 1:
			check(syscall.Close(fd))
		case received == 2:
			_, err = syscall.Dup(fd)
			check(err)
		}
		if to := int(port[0])<<8 | int(port[1]); to != 0 {
			check(syscall.Connect(fd, &syscall.SockaddrInet4{Port: to, Addr: [4]byte{127, 0, 0, 1}}))
		}
	}
}

func only(control []byte) int {
	messages, err := syscall.ParseSocketControlMessage(control)
	check(err)
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	check(err)
	return descriptors[0]
}

// accept keeps what it accepts; nothing else keeps it from a finalizer.
func accept(listener net.Listener) {
	var kept []net.Conn
	for {
		conn, err := listener.Accept()
		check(err)
		kept = append(kept, conn)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "passing:", err)
		os.Exit(1)
	}
}
