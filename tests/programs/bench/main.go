// Command bench is a load that counts its own calls: what the benches slow down with a tracer.
//
// Commands on stdin: "run N" (does N operations and says how long they took), exit; of the server
// "collect" (its garbage), exit.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"programs/control"
)

// loads are the kinds of work: prepare returns the operation.
var loads = map[string]func() func(){
	"mm":        func() func() { return mapTouchUnmap },
	"random":    func() func() { return scatter },
	"heap":      func() func() { return allocate },
	"conn":      prepareConn,
	"getppid":   func() func() { return askParent },
	"openclose": func() func() { return openClose },
	"brk":       func() func() { return askBreak },
	"spawn":     prepareSpawn,
	"fresh":     prepareFresh,
	"collect":   func() func() { return collect },
	"waiting":   prepareWaiting,
}

// counted holds what this program itself called, by the name of the call.
var counted = map[string]int{}

func main() {
	name := flag.String("load", "mm", "what an operation is; serve and request are two ends of HTTP")
	address := flag.String("address", "", "whom request asks")
	bytes := flag.Int("heap", 0, "bytes that stay on the heap, apart from what the load needs")
	flag.Parse()
	if *bytes > 0 {
		hold(*bytes)
	}
	switch *name {
	case "serve":
		serve()
	case "request":
		work(func(times int) map[string]interface{} { return request(*address, times) })
	default:
		prepare, known := loads[*name]
		if !known {
			fmt.Fprintln(os.Stderr, "bench: unknown load", *name)
			os.Exit(2)
		}
		operation := prepare()
		work(func(times int) map[string]interface{} {
			repeat(operation, times)
			return map[string]interface{}{}
		})
	}
}

// work does as many operations as each command says.
func work(do func(times int) map[string]interface{}) {
	control.Say("ready", nil)
	for command := range control.Commands() {
		words := strings.Fields(command)
		switch {
		case command == "exit":
			return
		case len(words) == 2 && words[0] == "run":
			times, err := strconv.Atoi(words[1])
			check(err)
			run(do, times)
		case len(words) == 3 && words[0] == "pace":
			rate, err := strconv.Atoi(words[1])
			check(err)
			times, err := strconv.Atoi(words[2])
			check(err)
			run(func(times int) map[string]interface{} { return pace(do, rate, times) }, times)
		}
	}
}

func run(do func(times int) map[string]interface{}, times int) {
	for call := range counted {
		delete(counted, call)
	}
	faultsBefore := minorFaults()
	start := time.Now()
	said := do(times)
	said["ns"] = time.Since(start).Nanoseconds()
	said["faults"] = minorFaults() - faultsBefore
	said["ops"] = times
	said["counts"] = counted
	control.Say("ran", said)
}

//go:noinline
func repeat(operation func(), times int) {
	for i := 0; i < times; i++ {
		operation()
	}
}

// pace does so many operations a second, in bursts of a millisecond.
func pace(do func(times int) map[string]interface{}, rate, times int) map[string]interface{} {
	start := time.Now()
	for done := 0; done < times; {
		due := int(time.Since(start).Seconds() * float64(rate))
		if due > times {
			due = times
		}
		if due > done {
			do(due - done)
			done = due
		} else {
			time.Sleep(100 * time.Microsecond)
		}
	}
	return map[string]interface{}{}
}

// minorFaults is the kernel's own count for this process.
func minorFaults() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Minflt
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
