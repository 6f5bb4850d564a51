package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"programs/control"
)

// idle is how many connections are open at the start; they leave one by one.
const idle = 400

type page struct {
	body string
}

var (
	mutex   sync.Mutex
	pages   = map[*http.Request]*page{}
	address string
	open    []net.Conn
)

// retain serves requests and keeps each of them, while its users leave.
func retain(step int) {
	serve(step, true)
}

// release serves the same requests and lets them go.
func release(step int) {
	serve(step, false)
}

func serve(step int, keep bool) {
	if step == 0 {
		listen(keep)
		for n := 0; n < idle; n++ {
			open = append(open, dial())
		}
	}
	// A user leaves, two come and go.
	if step%4 == 0 && len(open) > 0 {
		open[0].Close()
		open = open[1:]
	}
	for n := 0; n < 2; n++ {
		visit(2048)
	}
	churn(step)
}

func listen(keep bool) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address = listener.Addr().String()
	handler := func(w http.ResponseWriter, r *http.Request) {
		if keep {
			mutex.Lock()
			pages[r] = &page{body: strings.Repeat("x", 32<<10)}
			mutex.Unlock()
		}
	}
	go http.Serve(listener, http.HandlerFunc(handler))
}

func dial() net.Conn {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	return connection
}

// serveForOthers is the other process: it answers, and leaves closing to its clients.
func serveForOthers() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	handler := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") }
	panic(http.Serve(listener, http.HandlerFunc(handler)))
}

// startServer starts another process of this program that serves.
func startServer() {
	address = control.Peer("serve")
}

var shared = &http.Client{}

// leakClients makes a client for each request, at two of three places.
func leakClients(step int) {
	if address == "" {
		startServer()
	}
	switch step % 15 {
	case 0:
		get(newClient())
	case 5:
		other(newClient())
	case 10:
		good(shared)
	}
	churn(step)
}

// shareClient makes one.
func shareClient(step int) {
	if address == "" {
		startServer()
	}
	if step%5 == 0 {
		good(shared)
	}
	churn(step)
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{}}
}

//go:noinline
func get(client *http.Client) {
	response, err := client.Get("http://" + address)
	finish(response, err)
}

//go:noinline
func other(client *http.Client) {
	response, err := client.Get("http://" + address)
	finish(response, err)
}

//go:noinline
func good(client *http.Client) {
	response, err := client.Get("http://" + address)
	finish(response, err)
}

func finish(response *http.Response, err error) {
	if err != nil {
		panic(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		panic(err)
	}
	response.Body.Close()
}

// leakSockets opens a connection every hundred milliseconds and never closes it.
func leakSockets(step int) {
	if address == "" {
		startServer()
	}
	if step%10 == 0 {
		open = append(open, dial())
	}
	churn(step)
}

// closeSockets closes it again.
func closeSockets(step int) {
	if address == "" {
		startServer()
	}
	if step%10 == 0 {
		dial().Close()
	}
	churn(step)
}

// keepLeftSockets accepts connections and forgets to close those that the peer has closed.
func keepLeftSockets(step int) {
	if address == "" {
		acceptFrom("100")
	}
	churn(step)
}

// acceptFrom accepts users, of whom so many of a hundred leave at once.
func acceptFrom(leaving string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address = listener.Addr().String()
	go acceptAll(listener)
	control.Peer("leave", address, leaving)
}

func acceptAll(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		open = append(open, connection)
	}
}

// comeAndLeave is the other process: a user every hundred milliseconds, of whom so many of a hundred
// do not stay.
func comeAndLeave(service, percent string) {
	address = service
	leaving, err := strconv.Atoi(percent)
	if err != nil {
		panic(err)
	}
	fmt.Println("coming")
	var stay []net.Conn
	for n := 0; ; n++ {
		time.Sleep(100 * time.Millisecond)
		if user := dial(); n*37%100 < leaving {
			user.Close()
		} else {
			stay = append(stay, user)
		}
	}
}
