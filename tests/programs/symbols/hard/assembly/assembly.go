// Package assembly has functions without Go code.
package assembly

// Double is a leaf without a frame.
func Double(n uint64) uint64

// Call has a frame, and calls Go code.
func Call(n uint64) uint64

func triple(n uint64) uint64 { return n * 3 }
