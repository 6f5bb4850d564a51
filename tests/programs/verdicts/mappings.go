package main

import (
	"os"
	"runtime"
	"syscall"
)

const mapped = 1 << 20

// mapFiles maps a file in each step, touches it, and closes the descriptor only.
func mapFiles(step int) {
	if step%4 == 0 {
		touch(mapFile(mapped))
	}
	churn(step)
}

var database []byte

// readMappedFile maps a file once and reads on in it.
func readMappedFile(step int) {
	const size, part = 64 << 20, 16 << 10
	if database == nil {
		database = mapFile(size)
	}
	at := step * part % size
	touch(database[at : at+part])
	churn(step)
}

// mapFile maps a file of its own of some size; the file has no name any more.
func mapFile(size int64) []byte {
	file, err := os.CreateTemp("", "verdicts")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		panic(err)
	}
	if err := file.Truncate(size); err != nil {
		panic(err)
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return data
}

var sum byte

func touch(data []byte) {
	for at := 0; at < len(data); at += 4096 {
		sum += data[at]
	}
}

// growNative maps anonymous memory, as an allocator of its own would, and never unmaps it.
func growNative(step int) {
	fill(mapAnonymous(100 << 10))
	churn(step)
}

// steadyNative unmaps it again.
func steadyNative(step int) {
	data := mapAnonymous(100 << 10)
	fill(data)
	if err := syscall.Munmap(data); err != nil {
		panic(err)
	}
	churn(step)
}

func mapAnonymous(size int) []byte {
	flags := syscall.MAP_PRIVATE | syscall.MAP_ANON
	data, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		panic(err)
	}
	return data
}

func fill(data []byte) {
	for at := 0; at < len(data); at += 4096 {
		data[at] = 1
	}
}

var survivors [][]byte

// inflate fills huge pages, where the kernel gives them to everybody, and then leaves one object in each.
//
// With a large GOGC the runtime keeps the rest for what may come.
func inflate(step int) {
	inflateBy(step, 16<<10)
}

func inflateBy(step, pages int) {
	if step == 0 {
		var all [][]byte
		for n := 0; n < pages; n++ {
			all = append(all, entry(8<<10))
		}
		for n := range all {
			if n%256 == 0 {
				survivors = append(survivors, all[n])
			}
		}
		all = nil
		runtime.GC()
	}
}
