// Command cgo_heap holds memory that the C library allocated.
//
// Commands on stdin: grow, release, exit.
package main

/*
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10 };

// Blocks under the C library's mmap threshold, so that they come from its heap.
static char **hold(int blocks) {
	char **held = calloc(blocks, sizeof *held);
	if (!held)
		return NULL;
	for (int i = 0; i < blocks; i++) {
		held[i] = malloc(BLOCK);
		if (!held[i])
			return NULL;
		memset(held[i], 1, BLOCK);
	}
	return held;
}

static void give_back(char **held, int blocks) {
	for (int i = 0; i < blocks; i++)
		free(held[i]);
	free(held);
	malloc_trim(0);
}
*/
import "C"

import (
	"flag"
	"fmt"
	"os"

	"programs/control"
)

func main() {
	blocks := flag.Int("blocks", 1600, "blocks of 64 KiB to allocate")
	flag.Parse()

	var held **C.char
	control.Say("ready", nil)
	for command := range control.Commands() {
		switch command {
		case "grow":
			if held == nil {
				held = grow(*blocks)
			}
			control.Say("grown", map[string]interface{}{"native_bytes": *blocks * C.BLOCK})
		case "release":
			if held != nil {
				release(held, *blocks)
				held = nil
			}
			control.Say("released", map[string]interface{}{"native_bytes": 0})
		case "exit":
			return
		}
	}
}

//go:noinline
func grow(blocks int) **C.char {
	held := C.hold(C.int(blocks))
	if held == nil {
		fmt.Fprintln(os.Stderr, "malloc failed")
		os.Exit(1)
	}
	return held
}

//go:noinline
func release(held **C.char, blocks int) {
	C.give_back(held, C.int(blocks))
}
