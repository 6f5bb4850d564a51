// Command grpc_calls is a shop that calls another service at ten places, for 500 users at once:
// "leak" makes a client per request at three of them and never closes it, "share" uses one client
// everywhere. The other end is this program once more.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"programs/control"
)

const (
	users = 500
	// between is the time between two requests of a user: 32 a second in all.
	between = 16 * time.Second
)

var (
	truth   control.Truth
	address string
	shared  *grpc.ClientConn
	// isCareless is whether three places bypass the shared client.
	isCareless bool
)

func main() {
	if os.Args[1] == "peer" {
		serve()
	}
	isCareless = os.Args[1] == "leak"
	address = control.Peer("peer")
	var err error
	shared, err = grpc.Dial(address, options...)
	check(err)
	defer shared.Close()
	for n := 0; n < users; n++ {
		go visit(n)
	}
	truth.Obey(control.Commands())
}

// visit is one user, who goes from place to place.
func visit(n int) {
	time.Sleep(between / users * time.Duration(n))
	ticker := time.NewTicker(between)
	for ; ; n++ {
		places[n%len(places)]()
		<-ticker.C
	}
}

func ask(client *grpc.ClientConn) {
	context, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	question := &grpc_health_v1.HealthCheckRequest{}
	if _, err := grpc_health_v1.NewHealthClient(client).Check(context, question); err != nil {
		fmt.Fprintln(os.Stderr, "grpc_calls:", err)
	}
	// The answer to the user.
	runtime.KeepAlive(strings.Repeat("<li>item</li>", 10000))
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	fmt.Println(listener.Addr())
	check(server.Serve(listener))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpc_calls:", err)
		os.Exit(1)
	}
}
