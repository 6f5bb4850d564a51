// Command faults touches a known number of fresh pages from named functions.
//
// Commands on stdin: go, exit.
package main

import (
	"flag"
	"fmt"
	"os"
	"syscall"

	"programs/control"
)

// MADV_NOHUGEPAGE of the kernel headers; package syscall does not have it everywhere.
const madviseNoHugePage = 15

// seen keeps what was read, so that the reads cannot be optimised away.
var seen byte

func main() {
	pages := flag.Int("pages", 10000, "pages each function touches")
	flag.Parse()

	written, read := fresh(*pages), fresh(*pages)
	commands := control.Commands()
	control.Say("ready", nil)
	control.Await(commands, "go")
	writePages(written)
	readPages(read)
	control.Say("counted", map[string]interface{}{
		"page_size":       os.Getpagesize(),
		"main.writePages": *pages,
		"main.readPages":  *pages,
	})
	control.Await(commands, "exit")
}

// fresh maps memory in which every page faults once: huge pages are off.
func fresh(pages int) []byte {
	memory, err := syscall.Mmap(-1, 0, pages*os.Getpagesize(),
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mmap:", err)
		os.Exit(1)
	}
	// A kernel without huge pages answers EINVAL, which is as good.
	_ = syscall.Madvise(memory, madviseNoHugePage)
	return memory
}

//go:noinline
func writePages(memory []byte) {
	for at := 0; at < len(memory); at += os.Getpagesize() {
		memory[at] = 1
	}
}

//go:noinline
func readPages(memory []byte) {
	for at := 0; at < len(memory); at += os.Getpagesize() {
		seen += memory[at]
	}
}
