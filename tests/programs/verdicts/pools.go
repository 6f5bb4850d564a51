package main

import (
	"io"
	"net"
)

const question = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"

// nearPool EVERY USED dials every so many steps, up to a limit that is far away, and goes on to ask over
// so many of a hundred of its connections.
func nearPool(step int) {
	if address == "" {
		startServer()
	}
	if step%number(0) == 0 {
		connection := dial()
		ask(connection)
		go io.Copy(io.Discard, connection)
		open = append(open, connection)
	}
	// Each has its turn once a second.
	for n := step % 100; n < len(open); n += 100 {
		if n*37%100 < number(1) {
			ask(open[n])
		}
	}
	churn(step)
}

func ask(connection net.Conn) {
	if _, err := connection.Write([]byte(question)); err != nil {
		panic(err)
	}
}

// nearWorkers EVERY JOB starts a worker every so many steps, and gives them a job every so many.
func nearWorkers(step int) {
	if jobs == nil {
		jobs = make(chan int)
	}
	if step%number(0) == 0 {
		go work(jobs)
	}
	if step%number(1) == 0 {
		jobs <- step
	}
	churn(step)
}

// nearLate AFTER leaks a goroutine in each fifth step, but not in the first ones.
func nearLate(step int) {
	if step >= number(0) && step%5 == 0 {
		waitMost(nil)
	}
	churn(step)
}

// nearChurn EVERY holds two thousand connections, serves itself from two hundred others a second that
// it closes, and makes a client every so many steps that it does not; never, if that is 0.
func nearChurn(step int) {
	if step == 0 {
		startServer()
		for n := 0; n < 2000; n++ {
			open = append(open, dial())
		}
	}
	visit(0)
	visit(0)
	if every := number(0); every > 0 && step%every == 0 {
		get(newClient())
		keepMost(96 << 10)
	}
	churn(step)
}
