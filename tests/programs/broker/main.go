// Command broker is nats-server, with its own profiler on, and one place to ask for collections.
//
// Commands on stdin: collect, exit.
package main

import (
	"os"
	"runtime"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"programs/control"
)

func main() {
	directory, err := os.MkdirTemp("", "broker")
	check(err)
	defer os.RemoveAll(directory)
	broker, err := server.NewServer(&server.Options{
		Host:      "127.0.0.1",
		Port:      server.RANDOM_PORT,
		ProfPort:  server.RANDOM_PORT,
		JetStream: true,
		StoreDir:  directory,
		NoLog:     true,
		NoSigs:    true,
	})
	check(err)
	go broker.Start()
	if !broker.ReadyForConnections(time.Minute) {
		panic("it does not start")
	}
	commands := control.Commands()
	control.Say("ready", map[string]interface{}{
		"clients":  broker.Addr().String(),
		"profiler": broker.ProfilerAddr().String(),
	})
	for command := range commands {
		switch command {
		case "collect":
			// The second publishes what the first one freed.
			runtime.GC()
			runtime.GC()
			control.Say("collected", nil)
		case "exit":
			broker.Shutdown()
			return
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
