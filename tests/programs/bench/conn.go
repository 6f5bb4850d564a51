package main

import "net"

// prepareConn returns an operation that dials, is accepted, and closes both ends.
func prepareConn() func() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	accepted := make(chan net.Conn)
	go accept(listener, accepted)
	address := listener.Addr().String()
	return func() { dial(address, accepted) }
}

//go:noinline
func dial(address string, accepted <-chan net.Conn) {
	near, err := net.Dial("tcp", address)
	check(err)
	counted["socket"]++
	counted["connect"]++
	far := <-accepted
	// A reset leaves no port in TIME_WAIT: there are fewer ports than operations.
	check(near.(*net.TCPConn).SetLinger(0))
	check(near.Close())
	check(far.Close())
	counted["close"] += 2
}

func accept(listener net.Listener, accepted chan<- net.Conn) {
	for {
		conn, err := listener.Accept()
		check(err)
		accepted <- conn
	}
}
