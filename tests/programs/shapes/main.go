// Command shapes holds memory of the shape that its first argument names, and says how much.
//
// Commands on stdin: exit.
package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"programs/control"
)

const mib = 1 << 20

// shapes make what they hold, and say how many bytes that is at the least.
var shapes = map[string]func() int{
	"small":  func() int { return 0 },
	"heap":   heap,
	"stacks": stacks,
	"file":   file,
	"huge":   huge,
	"spike":  spike,
	"load":   load,
}

func main() {
	commands := control.Commands()
	held := shapes[os.Args[1]]()
	control.Say("ready", map[string]interface{}{"held": held})
	control.Await(commands, "exit")
}

var kept [][]byte

// heap fills 1 GiB, a part of it with small objects.
func heap() int {
	for n := 0; n < 128<<10; n++ {
		kept = append(kept, filled(1<<10))
	}
	for n := 0; n < 896; n++ {
		kept = append(kept, filled(mib))
	}
	runtime.GC()
	return 1 << 30
}

func filled(size int) []byte {
	data := make([]byte, size)
	for at := 0; at < size; at += 4096 {
		data[at] = 1
	}
	return data
}

// stacks parks ten thousand goroutines far down.
func stacks() int {
	const goroutines = 10000
	parked := make(chan bool)
	for n := 0; n < goroutines; n++ {
		go deep(40, parked)
	}
	for n := 0; n < goroutines; n++ {
		<-parked
	}
	return goroutines * 40 * 100
}

var never = make(chan int)

//go:noinline
func deep(depth int, parked chan<- bool) int {
	var room [100]byte
	if depth == 0 {
		parked <- true
		return <-never
	}
	room[depth] = 1
	return deep(depth-1, parked) + int(room[depth/2])
}

// file maps one and reads it.
func file() int {
	const size = 100 * mib
	file, err := os.CreateTemp("", "shapes")
	check(err)
	check(os.Remove(file.Name()))
	check(file.Truncate(size))
	data, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_PRIVATE)
	check(err)
	for at := 0; at < size; at += 4096 {
		sum += data[at]
	}
	return size
}

var sum byte

// huge writes to memory of its own mapping, where the kernel may use huge pages.
func huge() int {
	const size, hugePages = 64 * mib, 14
	flags := syscall.MAP_PRIVATE | syscall.MAP_ANON
	data, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	check(err)
	check(syscall.Madvise(data, hugePages))
	for at := 0; at < size; at += 4096 {
		data[at] = 1
	}
	return size
}

// spike needs a lot for a moment.
func spike() int {
	for n := 0; n < 4<<10; n++ {
		kept = append(kept, filled(100<<10))
	}
	kept = kept[:10]
	for n := range kept {
		kept[n] = filled(100 << 10)
	}
	kept = append([][]byte(nil), kept...)
	runtime.GC()
	return 16 * mib
}

// load allocates all the time.
func load() int {
	for n := 0; n < 1000; n++ {
		kept = append(kept, filled(100<<10))
	}
	go func() {
		for n := 0; ; n++ {
			kept[n%len(kept)] = filled(100 << 10)
			time.Sleep(200 * time.Microsecond)
		}
	}()
	return 50 * mib
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
