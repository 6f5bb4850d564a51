// Command extended keeps records in variables of its own and of a plugin, whose file it is given, and
// says when they are kept. It ends with its stdin.
package main

import (
	"fmt"
	"os"
	"plugin"
	"runtime"

	"programs/control"
)

// count is how many records each of the two keeps.
const count = 1000

// record is large enough to be sampled, and has a pointer.
type record struct {
	name *string
	data [1000]byte
}

var own []interface{}

var large []byte

//go:noinline
func makeRecord(number int) *record {
	name := "record"
	return &record{name: &name, data: [1000]byte{byte(number)}}
}

//go:noinline
func inOwn(number int) { own = append(own, makeRecord(number)) }

//go:noinline
func inPlugin(number int, keep func(interface{})) { keep(makeRecord(number)) }

func main() {
	// Set by the program itself, so that samples are taken even where the linker sees no profile.
	runtime.MemProfileRate = 4 << 10
	// The next sample of each processor was chosen by the old rate: of the only one it is taken here.
	runtime.GOMAXPROCS(1)
	large = make([]byte, 64<<20)
	large = nil
	commands := control.Commands()
	extension, err := plugin.Open(os.Args[1])
	check(err)
	keep, err := extension.Lookup("Keep")
	check(err)
	for number := 0; number < count; number++ {
		inOwn(number)
		inPlugin(number, keep.(func(interface{})))
	}
	runtime.GC()
	runtime.GC()
	control.Say("kept", map[string]interface{}{"records": count})
	control.Await(commands, "exit")
	runtime.KeepAlive(own)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "extended:", err)
		os.Exit(1)
	}
}
