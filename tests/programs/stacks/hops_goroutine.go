package main

import (
	"runtime"
	"time"
)

// Other goroutines, whose stacks begin anew: only where enough of the way is left.

const enough = 12

//go:noinline
func spawned(w *walk) {
	if w.left < enough {
		w.descend()
		return
	}
	done := make(chan bool)
	go func() {
		w.descend()
		done <- true
	}()
	<-done
}

//go:noinline
func descendAndTell(w *walk, number int, done chan<- bool) {
	w.descend()
	done <- number > 0
}

//go:noinline
func spawnedWithArguments(w *walk) {
	if w.left < enough {
		w.descend()
		return
	}
	done := make(chan bool)
	go descendAndTell(w, 1, done)
	<-done
}

//go:noinline
func goexiting(w *walk) {
	if w.left < enough {
		w.descend()
		return
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		defer w.descend()
		runtime.Goexit()
	}()
	<-done
}

//go:noinline
func timed(w *walk) {
	if w.left < enough {
		w.descend()
		return
	}
	done := make(chan bool)
	time.AfterFunc(0, func() {
		w.descend()
		close(done)
	})
	<-done
}
