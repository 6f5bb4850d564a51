//go:build cgo
// +build cgo

package main

// static int twice(int n) { return 2 * n; }
import "C"

//go:noinline
func native(count int) {
	for i := 0; i < count; i++ {
		keep(make([]byte, C.twice(4000)))
	}
}
