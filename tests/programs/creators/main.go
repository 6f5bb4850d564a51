// Command creators asks itself over HTTP from six places: three forget to close what they open.
//
// Each place makes a client of its own, whose goroutines dial; so no socket is opened by a stack
// that has the place in it.
//
// Commands on stdin: go, exit.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"

	"programs/control"
)

// kept keeps the connections of the places that forget them.
var kept []*http.Transport

var places = []struct {
	name   string
	ask    func(address string) *http.Transport
	closes bool
}{
	{"main.goodFirst", goodFirst, true},
	{"main.badFirst", badFirst, false},
	{"main.goodSecond", goodSecond, true},
	{"main.badSecond", badSecond, false},
	{"main.goodThird", goodThird, true},
	{"main.badThird", badThird, false},
}

func main() {
	n := flag.Int("n", 20, "requests from each place")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go serve(listener)
	address := "http://" + listener.Addr().String() + "/"

	commands := control.Commands()
	control.Say("ready", nil)
	for command := range commands {
		switch command {
		case "go":
			opened, closed := map[string]int{}, map[string]int{}
			for i, place := range places {
				// Different counts, so that no two places look alike.
				for j := 0; j < *n+i; j++ {
					transport := place.ask(address)
					opened[place.name]++
					if place.closes {
						transport.CloseIdleConnections()
						closed[place.name]++
					} else {
						kept = append(kept, transport)
					}
				}
			}
			control.Say("counted", map[string]interface{}{"opened": opened, "closed": closed})
		case "exit":
			return
		}
	}
}

//go:noinline
func goodFirst(address string) *http.Transport {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get(address)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	return transport
}

//go:noinline
func goodSecond(address string) *http.Transport {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get(address)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	return transport
}

//go:noinline
func goodThird(address string) *http.Transport {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get(address)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	return transport
}

//go:noinline
func badFirst(address string) *http.Transport {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get(address)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	return transport
}

//go:noinline
func badSecond(address string) *http.Transport {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get(address)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	return transport
}

//go:noinline
func badThird(address string) *http.Transport {
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Get(address)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	return transport
}

func serve(listener net.Listener) {
	answer := func(writer http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(writer, "hello")
		check(err)
	}
	check(http.Serve(listener, http.HandlerFunc(answer)))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "creators:", err)
		os.Exit(1)
	}
}
