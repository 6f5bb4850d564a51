package main

import (
	"context"
	"encoding/binary"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// counts of connections.
type counts struct {
	opened, closed int
}

func (c counts) plus(opened, closed int) counts {
	return counts{c.opened + opened, c.closed + closed}
}

// server counts what it accepts, and what its clients close.
type server struct {
	// The function that accepts.
	name    string
	address string
	mutex   sync.Mutex
	counts  counts
}

func listen(name string, serve func(*server, net.Listener)) *server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := &server{name: name, address: listener.Addr().String()}
	go serve(server, listener)
	return server
}

func (s *server) count(opened, closed int) {
	s.mutex.Lock()
	s.counts = s.counts.plus(opened, closed)
	s.mutex.Unlock()
}

// await waits until the server has seen as much as the places did.
func (s *server) await(expected counts) {
	for {
		s.mutex.Lock()
		seen := s.counts
		s.mutex.Unlock()
		if seen == expected {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *server) state(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.count(1, 0)
	case http.StateClosed:
		s.count(0, 1)
	}
}

func serveWeb(s *server, listener net.Listener) {
	// More than a connection's buffers hold: unread it keeps the connection.
	body := strings.Repeat("hello", 1<<20)
	answer := func(writer http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(writer, body)
	}
	web := &http.Server{Handler: http.HandlerFunc(answer), ConnState: s.state}
	check(web.Serve(listener))
}

func serveWebsocket(s *server, listener net.Listener) {
	upgrade := func(writer http.ResponseWriter, request *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(writer, request, nil)
		check(err)
		s.count(1, 0)
		for err == nil {
			_, _, err = conn.ReadMessage()
		}
		_ = conn.Close()
		s.count(0, 1)
	}
	check(http.Serve(listener, http.HandlerFunc(upgrade)))
}

func serveGRPC(s *server, listener net.Listener) {
	check(grpc.NewServer(grpc.StatsHandler(grpcCounter{s})).Serve(listener))
}

type grpcCounter struct{ *server }

func (grpcCounter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (grpcCounter) HandleRPC(context.Context, stats.RPCStats) {}

func (grpcCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (c grpcCounter) HandleConn(_ context.Context, event stats.ConnStats) {
	switch event.(type) {
	case *stats.ConnBegin:
		c.count(1, 0)
	case *stats.ConnEnd:
		c.count(0, 1)
	}
}

func serveRedis(s *server, listener net.Listener) {
	s.accept(listener, func(conn net.Conn) {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			// A command is an array; clients send several at once.
			for _, command := range strings.Split(string(buffer[:n]), "*")[1:] {
				answer := "+OK\r\n"
				if strings.Contains(strings.ToLower(command), "hello") {
					answer = "-ERR unknown command 'hello'\r\n"
				}
				_, _ = io.WriteString(conn, answer)
			}
		}
	})
}

// servePostgres lets everybody in, and answers each query as if it were empty.
func servePostgres(s *server, listener net.Listener) {
	const sslRequest = 80877103
	ready := "Z\x00\x00\x00\x05I"
	s.accept(listener, func(conn net.Conn) {
		header := make([]byte, 8)
		for {
			if _, err := io.ReadFull(conn, header); err != nil {
				return
			}
			length := int64(binary.BigEndian.Uint32(header)) - 8
			if _, err := io.CopyN(ioutil.Discard, conn, length); err != nil {
				return
			}
			if binary.BigEndian.Uint32(header[4:]) != sslRequest {
				break
			}
			_, _ = io.WriteString(conn, "N")
		}
		_, _ = io.WriteString(conn, "R\x00\x00\x00\x08\x00\x00\x00\x00"+ready)
		for {
			if _, err := io.ReadFull(conn, header[:5]); err != nil {
				return
			}
			length := int64(binary.BigEndian.Uint32(header[1:])) - 4
			if _, err := io.CopyN(ioutil.Discard, conn, length); err != nil {
				return
			}
			switch header[0] {
			case 'Q':
				_, _ = io.WriteString(conn, "I\x00\x00\x00\x04"+ready)
			case 'X':
				// Some clients wait until the server closes.
				return
			}
		}
	})
}

func serveEcho(s *server, listener net.Listener) {
	s.accept(listener, func(conn net.Conn) {
		_, _ = io.Copy(conn, conn)
	})
}

// accept serves each connection in a goroutine until its client closes it.
func (s *server) accept(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		check(err)
		s.count(1, 0)
		go func() {
			serve(conn)
			_ = conn.Close()
			s.count(0, 1)
		}()
	}
}
