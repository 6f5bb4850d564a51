//go:build go1.23
// +build go1.23

package main

import (
	"iter"
	"maps"
	"slices"
)

func init() {
	parts = append(parts, iterators)
}

func upto(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// The bodies of these loops are functions of their own.
func iterators(n int) (total int) {
	for i := range upto(n + 3) {
		defer func() { total += i }()
		for j := range upto(i) {
			if j > 5 {
				continue
			}
			total += func() int { return i * j }()
		}
	}
	for key := range maps.Keys(map[string]int{"a": n}) {
		total += len(key)
	}
	next, stop := iter.Pull(upto(n))
	defer stop()
	if value, ok := next(); ok {
		total += value
	}
	return total + len(slices.Collect(upto(n)))
}
