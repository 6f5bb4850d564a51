// Command goroutines creates goroutines at eight places: at three of them more and more stay, at
// five as many end as begin.
//
// Commands on stdin: go (one round), state, exit.
package main

import (
	"bytes"
	"context"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"programs/control"
)

var (
	nobody = make(chan int)
	jobs   = make(chan int)
	locked sync.Mutex
)

func main() {
	locked.Lock()
	for i := 0; i < 10; i++ {
		startPool()
	}
	startTicker()
	commands := control.Commands()
	control.Say("ready", nil)
	for command := range commands {
		switch command {
		case "go":
			round()
			control.Say("done", nil)
		case "state":
			counts, places := byCreation()
			// One that has said it is done may not have ended yet.
			for counts["main.startAndWait"]+counts["main.startWithContext"] > 0 {
				time.Sleep(time.Millisecond)
				counts, places = byCreation()
			}
			control.Say("state", map[string]interface{}{"created": counts, "places": places})
		case "exit":
			return
		}
	}
}

// round leaves 3 + 2 + 1 goroutines behind.
func round() {
	for i := 0; i < 3; i++ {
		leakSender()
	}
	for i := 0; i < 2; i++ {
		leakReceiver()
	}
	leakLocker()
	for i := 0; i < 20; i++ {
		jobs <- i
		startAndWait()
		startWithContext()
		startTimer()
	}
}

func leakSender() {
	go func() { nobody <- 1 }()
}

func leakReceiver() {
	answer := make(chan int)
	go func() { <-answer }()
}

func leakLocker() {
	go locked.Lock()
}

func startPool() {
	go func() {
		for range jobs {
		}
	}()
}

func startTicker() {
	go func() {
		for range time.Tick(time.Second) {
		}
	}()
}

func startAndWait() {
	done := make(chan struct{})
	go func() { close(done) }()
	<-done
}

func startWithContext() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		<-ctx.Done()
		close(done)
	}()
	cancel()
	<-done
}

func startTimer() {
	done := make(chan struct{})
	time.AfterFunc(time.Microsecond, func() { close(done) })
	<-done
}

var (
	created = regexp.MustCompile(`created by (main\.\w+)`)
	called  = regexp.MustCompile(`(?m)^(\S+)\(.*\)\n\t(\S+)`)
)

// byCreation counts the goroutines, as the runtime prints them, by the function that created them. It
// also says where those of each wait: the innermost line of this program, else of a function that
// programs call.
func byCreation() (map[string]int, map[string]map[string]int) {
	var text bytes.Buffer
	if pprof.Lookup("goroutine").WriteTo(&text, 2) != nil {
		panic("no goroutine profile")
	}
	counts, places := map[string]int{}, map[string]map[string]int{}
	for _, goroutine := range strings.Split(text.String(), "\n\n") {
		match := created.FindStringSubmatchIndex(goroutine)
		if match == nil {
			continue
		}
		creator := goroutine[match[2]:match[3]]
		counts[creator]++
		if places[creator] == nil {
			places[creator] = map[string]int{}
		}
		places[creator][innermost(goroutine[:match[0]])]++
	}
	return counts, places
}

func innermost(stack string) string {
	public := ""
	for _, call := range called.FindAllStringSubmatch(stack, -1) {
		function, place := call[1], call[1]+" "+call[2]
		if strings.HasPrefix(function, "main.") {
			return place
		}
		linked := strings.Contains(function, ".runtime_") || strings.Contains(function, "internal/")
		if public == "" && !linked {
			public = place
		}
	}
	return public
}
