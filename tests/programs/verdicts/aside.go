package main

import (
	"net"
	"os"

	"programs/control"
)

// nearDropped EVERY dials every so many steps and forgets the connection. Its finalizer would close it,
// but next to nothing is allocated, and no collection runs.
func nearDropped(step int) {
	if address == "" {
		startServer()
	}
	if step%number(0) == 0 {
		dial()
	}
}

var files []*os.File

// keepFiles opens a file in each fifth step and keeps it.
func keepFiles(step int) {
	if step%5 == 0 {
		file, err := os.Open(os.Args[0])
		if err != nil {
			panic(err)
		}
		files = append(files, file)
	}
	churn(step)
}

// leaveHandlersStuck accepts users who leave at once; the handler of each waits for ever, and so closes
// nothing.
func leaveHandlersStuck(step int) {
	if address == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		address = listener.Addr().String()
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					panic(err)
				}
				go handle(connection, make(chan struct{}))
			}
		}()
		control.Peer("leave", address, "100")
	}
	churn(step)
}

func handle(connection net.Conn, answer chan struct{}) {
	<-answer
	connection.Close()
}
