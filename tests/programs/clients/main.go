// Command clients asks servers of its own through real libraries, one new client a request: for
// each library a place that closes its clients, and one that forgets them.
//
// Commands on stdin: go, exit.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
)

// kept keeps what the places forget: a finalizer would close it.
var kept struct {
	sync.Mutex
	clients []interface{}
}

func keep(client interface{}) {
	kept.Lock()
	kept.clients = append(kept.clients, client)
	kept.Unlock()
}

// A place that opens one socket each time it is called.
type place struct {
	name   string
	ask    func(address string)
	server *server
	closes bool
}

func main() {
	n := flag.Int("n", 12, "requests from each place")
	rest := flag.Duration("rest", 0, "between two rounds")
	flag.Parse()

	web, socket := listen("main.serveWeb", serveWeb), listen("main.serveWebsocket", serveWebsocket)
	remote, store := listen("main.serveGRPC", serveGRPC), listen("main.(*server).accept", serveRedis)
	database, raw := listen("main.(*server).accept", servePostgres), listen("main.(*server).accept", serveEcho)
	places := []place{
		{"main.bodyForgotten", bodyForgotten, web, false},
		{"main.transportForgotten", transportForgotten, web, false},
		{"main.transportClosed", transportClosed, web, true},
		{"main.websocketForgotten", websocketForgotten, socket, false},
		{"main.websocketClosed", websocketClosed, socket, true},
		{"main.grpcForgotten", grpcForgotten, remote, false},
		{"main.grpcClosed", grpcClosed, remote, true},
		{"main.redisForgotten", redisForgotten, store, false},
		{"main.redisClosed", redisClosed, store, true},
		{"main.sqlForgotten", sqlForgotten, database, false},
		{"main.sqlClosed", sqlClosed, database, true},
		{"main.pgxForgotten", pgxForgotten, database, false},
		{"main.pgxClosed", pgxClosed, database, true},
		{"main.rawForgotten", rawForgotten, raw, false},
		{"main.rawClosed", rawClosed, raw, true},
	}

	fmt.Println(`{"event": "ready"}`)
	for commands := bufio.NewScanner(os.Stdin); commands.Scan() && commands.Text() == "go"; {
		opened, closed := map[string]int{}, map[string]int{}
		expected := map[*server]counts{}
		for round := 0; round < *n+len(places); round++ {
			for i, place := range places {
				// Different counts, so that no two places look alike.
				if round >= *n+i {
					continue
				}
				request(place)
				opened[place.name]++
				expected[place.server] = expected[place.server].plus(1, 0)
				if place.closes {
					closed[place.name]++
					expected[place.server] = expected[place.server].plus(0, 1)
				}
			}
			time.Sleep(*rest)
		}
		accepted, left := map[string]int{}, map[string]int{}
		for server, counts := range expected {
			server.await(counts)
			accepted[server.name] += counts.opened
			left[server.name] += counts.closed
		}
		fmt.Printf(`{"event": "counted", "opened": %s, "closed": %s, "accepted": {"opened": %s, "closed": %s}}`+"\n",
			object(opened), object(closed), object(accepted), object(left))
	}
}

// request does what a service does: each request has a goroutine of its own.
func request(place place) {
	done := make(chan struct{})
	go func() {
		place.ask(place.server.address)
		close(done)
	}()
	<-done
}

func object(counts map[string]int) string {
	text := ""
	for name, count := range counts {
		text += fmt.Sprintf(", %q: %d", name, count)
	}
	return "{" + text[2:] + "}"
}

//go:noinline
func bodyForgotten(address string) {
	answer, err := http.Get("http://" + address)
	check(err)
	keep(answer)
}

//go:noinline
func transportForgotten(address string) {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get("http://" + address)
	check(err)
	discard(answer)
	keep(transport)
}

//go:noinline
func transportClosed(address string) {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get("http://" + address)
	check(err)
	discard(answer)
	transport.CloseIdleConnections()
}

func discard(answer *http.Response) {
	_, err := io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
}

//go:noinline
func websocketForgotten(address string) {
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address, nil)
	check(err)
	keep(conn)
}

//go:noinline
func websocketClosed(address string) {
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address, nil)
	check(err)
	check(conn.Close())
}

//go:noinline
func grpcForgotten(address string) {
	conn, err := grpc.Dial("passthrough:///"+address, plaintext, grpc.WithBlock())
	check(err)
	keep(conn)
}

//go:noinline
func grpcClosed(address string) {
	conn, err := grpc.Dial("passthrough:///"+address, plaintext, grpc.WithBlock())
	check(err)
	check(conn.Close())
}

//go:noinline
func rawForgotten(address string) {
	conn, err := net.Dial("tcp", address)
	check(err)
	echo(conn)
	keep(conn)
}

//go:noinline
func rawClosed(address string) {
	conn, err := net.Dial("tcp", address)
	check(err)
	echo(conn)
	check(conn.Close())
}

// echo makes sure that the other side has accepted.
func echo(conn net.Conn) {
	_, err := conn.Write([]byte("ping"))
	check(err)
	_, err = io.ReadFull(conn, make([]byte, 4))
	check(err)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}
