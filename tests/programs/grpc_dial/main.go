// Command grpc_dial makes a gRPC client in each request, and asks itself with it: one place closes
// its clients, one does not.
//
// Commands on stdin: go, exit.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// kept keeps the clients that are not closed.
var kept []*grpc.ClientConn

func main() {
	n := flag.Int("n", 20, "requests")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go serve(server, listener)
	address := "passthrough:///" + listener.Addr().String()

	fmt.Println(`{"event": "ready"}`)
	for commands := bufio.NewScanner(os.Stdin); commands.Scan() && commands.Text() == "go"; {
		for i := 0; i < *n; i++ {
			closed(address)
			forgotten(address)
		}
		forgotten(address)
		fmt.Printf(`{"event": "counted", "opened": {"main.closed": %d, "main.forgotten": %d}, "closed": {"main.closed": %d}}`+"\n", *n, *n+1, *n)
	}
}

//go:noinline
func closed(address string) {
	client, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	_, err = grpc_health_v1.NewHealthClient(client).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	check(err)
	check(client.Close())
}

//go:noinline
func forgotten(address string) {
	client, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	_, err = grpc_health_v1.NewHealthClient(client).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	check(err)
	kept = append(kept, client)
}

func serve(server *grpc.Server, listener net.Listener) {
	check(server.Serve(listener))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpc_dial:", err)
		os.Exit(1)
	}
}
