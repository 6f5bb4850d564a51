// Command stacks makes calls from deep and odd stacks, and tells what runtime.Callers saw there.
//
// Each call names a page of a reserved region: that page is how a recording finds its reference.
// Commands on stdin: go (awaited in the first package initialiser), exit.
package main

import (
	"flag"

	"programs/control"
)

var (
	commands = control.Commands()
	// Evaluated while the package is initialised, so that main.init has stacks of its own.
	early = walkWhileInitialising()
)

func init() {
	walkFrom(early+1, 20)
}

func walkWhileInitialising() uint64 {
	hops = allHops()
	control.Say("ready", nil)
	control.Await(commands, "go")
	walkFrom(1, 20)
	return 1
}

func main() {
	signals := flag.Bool("signals", false, "work while signals come")
	walks := flag.Int("walks", 0, "calls made from as many stacks")
	system := flag.Bool("system", false, "work on the system stack")
	flag.Parse()

	if *signals {
		workUnderSignals()
	}
	for seed := 0; seed < *walks; seed++ {
		walkFrom(uint64(seed), 14+seed%12)
	}
	if *system {
		workOnSystemStack()
	}
	said := references.report()
	said["system"] = systemWork
	control.Say("walked", said)
	control.Await(commands, "exit")
}
