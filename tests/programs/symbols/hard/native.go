//go:build cgo
// +build cgo

package main

/*
extern int goCallback(int);

__attribute__((noinline)) static int c_leaf(int n) { return n * 2 + 1; }
__attribute__((noinline)) static int c_entry(int n) { return goCallback(c_leaf(n)) + 1; }

struct point { int x, y; };
static struct point c_point(int n) { struct point p = { n, n + 1 }; return p; }
*/
import "C"

func init() {
	parts = append(parts, native)
}

//export goCallback
func goCallback(n C.int) C.int {
	return C.int(one(int(n)))
}

func native(n int) int {
	text := C.CString("text")
	p := C.c_point(C.int(n))
	return int(C.c_entry(C.int(n))+p.x) + len(C.GoString(text))
}
