// Command websockets is a shop whose pages hold a websocket open, with sessions of gorilla/sessions
// as they were when these kept what belongs to a request in a package variable: "leak" forgets to
// clear it, "clear" does it as the documentation said.
//
// Users come and go, more of them go. The other end, this program once more, is the users.
package main

import (
	"fmt"
	"net"
	"net/http"
	// As services have it; it also keeps the heap profiler in.
	_ "net/http/pprof"
	"os"
	"strings"

	socketio "github.com/googollee/go-socket.io"
	"github.com/gorilla/context"
	"github.com/gorilla/sessions"

	"programs/control"
)

var truth control.Truth

func main() {
	if os.Args[1] == "peer" {
		beUsers(os.Args[2])
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	shop := http.Handler(newShop())
	if os.Args[1] == "clear" {
		shop = context.ClearHandler(shop)
	}
	go http.Serve(listener, shop)
	// Returns when the first users are connected.
	control.Peer("peer", listener.Addr().String())
	truth.Obey(control.Commands())
}

type shop struct {
	store   *sessions.CookieStore
	sockets *socketio.Server
}

func newShop() *shop {
	sockets, err := socketio.NewServer(nil)
	check(err)
	sockets.OnConnect("/", func(socketio.Conn) error {
		truth.Opened("websocket")
		return nil
	})
	sockets.OnDisconnect("/", func(socketio.Conn, string) { truth.Closed("websocket") })
	go sockets.Serve()
	return &shop{sessions.NewCookieStore([]byte("a key of 32 bytes for the cookie")), sockets}
}

func (shop *shop) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	session, err := shop.store.Get(request, "shop")
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	if request.URL.Path == "/socket.io/" {
		shop.sockets.ServeHTTP(answer, request)
		return
	}
	page := strings.Repeat("<li>item</li>", 10000)
	fmt.Fprintln(answer, page, "known for", len(session.Values), "things")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "websockets:", err)
		os.Exit(1)
	}
}
