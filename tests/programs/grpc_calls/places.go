package main

import "google.golang.org/grpc"

// places are the call sites of the other service.
var places = []func(){browse, search, quote, rate, login, refund, logout, reserve, track, notify}

func browse() { ask(shared) }

func search() { ask(shared) }

func quote() {
	if !isCareless {
		ask(shared)
		return
	}
	client, err := grpc.Dial(address, options...)
	check(err)
	ask(client)
	truth.Opened("main.quote")
}

func rate() { ask(shared) }

func login() { ask(shared) }

func refund() {
	if !isCareless {
		ask(shared)
		return
	}
	client, err := grpc.Dial(address, options...)
	check(err)
	ask(client)
	truth.Opened("main.refund")
}

func logout() { ask(shared) }

func reserve() { ask(shared) }

func track() {
	if !isCareless {
		ask(shared)
		return
	}
	client, err := grpc.Dial(address, options...)
	check(err)
	ask(client)
	truth.Opened("main.track")
}

func notify() { ask(shared) }
