// Command store is etcd, with its own profiler on, and one place to ask for collections.
//
// Commands on stdin: collect, exit.
package main

import (
	"net"
	"net/url"
	"os"
	"runtime"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"programs/control"
)

func main() {
	directory, err := os.MkdirTemp("", "store")
	check(err)
	defer os.RemoveAll(directory)
	config := embed.NewConfig()
	config.Dir = directory
	config.LogLevel = "error"
	config.EnablePprof = true
	// Its gateway dials the address of its configuration: so that has a port.
	clients := []url.URL{{Scheme: "http", Host: freeAddress()}}
	config.ListenClientUrls, config.AdvertiseClientUrls = clients, clients
	config.ListenPeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	store, err := embed.StartEtcd(config)
	check(err)
	select {
	case <-store.Server.ReadyNotify():
	case <-time.After(time.Minute):
		panic("it does not start")
	}
	address := store.Clients[0].Addr().String()
	commands := control.Commands()
	control.Say("ready", map[string]interface{}{"clients": address, "profiler": address})
	for command := range commands {
		switch command {
		case "collect":
			// The second publishes what the first one freed.
			runtime.GC()
			runtime.GC()
			control.Say("collected", nil)
		case "exit":
			store.Close()
			return
		}
	}
}

// freeAddress is one that nobody listened at a moment ago.
func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	return listener.Addr().String()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
