// What a program keeps of its own stacks; stacks_cgo has this file too.

package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

const (
	page = 4096
	// Pages reserved, the most calls that can be told apart.
	pages = 1 << 16
	// MADV_DONTNEED: nothing is there to be given back.
	dontNeed = 4
)

// region is never touched; its addresses are names.
var region = reserve()

func reserve() uintptr {
	address, _, errno := syscall.Syscall6(syscall.SYS_MMAP, 0, pages*page,
		syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON, ^uintptr(0), 0)
	check(errno)
	return address
}

func check(errno syscall.Errno) {
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "stacks:", errno)
		os.Exit(1)
	}
}

// mark is one call to be made: which page names it, and what runtime.Callers says.
type mark struct {
	address uintptr
	count   int
	pcs     [512]uintptr
}

// took follows both calls of a line, which the language evaluates from left to right.
//
//go:noinline
func (m *mark) took(count int, errno syscall.Errno) {
	m.count = count
	check(errno)
}

// reference is a call that was made, and the return addresses at it.
type reference struct {
	place string
	pcs   []uintptr
}

// book keeps references until all walks are done: naming them would disturb, and so would allocating.
type book struct {
	marks []reference
	room  []uintptr
}

var references = book{make([]reference, 0, pages), make([]uintptr, 0, 1<<21)}

func (b *book) add(place string, pcs []uintptr) {
	from := len(b.room)
	b.room = append(b.room, pcs...)
	b.marks = append(b.marks, reference{place, b.room[from:]})
}

// next is the address that names the next call.
func (b *book) next() uintptr { return region + uintptr(len(b.marks)*page) }

// report has each name once: a stack is a list of indices into frames, a frame one into names.
func (b *book) report() map[string]interface{} {
	names, frames := newIndex(), newIndex()
	var table [][3]int
	var stacks [][]int
	var places []string
	for _, mark := range b.marks {
		stack := []int{}
		next := runtime.CallersFrames(mark.pcs)
		for more := len(mark.pcs) > 0; more; {
			var frame runtime.Frame
			frame, more = next.Next()
			entry := [3]int{names.of(frame.Function), names.of(frame.File), frame.Line}
			at := frames.of(entry)
			if at == len(table) {
				table = append(table, entry)
			}
			stack = append(stack, at)
		}
		stacks = append(stacks, stack)
		places = append(places, mark.place)
	}
	return map[string]interface{}{
		"region": region,
		"page":   page,
		"names":  names.list,
		"frames": table,
		"stacks": stacks,
		"places": places,
	}
}

// index numbers values in the order in which they are first seen.
type index struct {
	known map[interface{}]int
	list  []interface{}
}

func newIndex() *index { return &index{known: map[interface{}]int{}} }

func (i *index) of(value interface{}) int {
	at, known := i.known[value]
	if !known {
		at = len(i.list)
		i.known[value] = at
		i.list = append(i.list, value)
	}
	return at
}
