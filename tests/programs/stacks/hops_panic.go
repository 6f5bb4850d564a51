package main

// Deferred calls, with and without a panic.

//go:noinline
func deferred(w *walk) {
	defer w.descend()
	after++
}

//go:noinline
func deferredInLoop(w *walk) {
	for i := 0; i < 1+w.left-w.left; i++ {
		defer w.descend()
	}
	after++
}

//go:noinline
func panicking(w *walk) {
	defer func() {
		w.descend()
		_ = recover()
	}()
	panic("on purpose")
}

// What cuts the chain of frame pointers in old releases is done by a function of this kind alone, and
// rarely: after a recovered panic (up to Go 1.20), and under frames that a panic has left (1.25).

func recovered(w *walk)      { rarely(w, recoverAndDescend) }
func faultingAtOnce(w *walk) { rarely(w, descendOverFault) }
func wrapperOfNil(w *walk)   { rarely(w, descendOverWrapper) }

//go:noinline
func rarely(w *walk, hop func(*walk)) {
	if w.random()%32 == 0 {
		hop(w)
	} else {
		w.descend()
	}
	after++
}

//go:noinline
func recoverAndDescend(w *walk) {
	defer w.descend()
	defer func() { _ = recover() }()
	panic("on purpose")
}

var nothing *value

//go:noinline
func faulting(w *walk) {
	defer func() {
		w.descend()
		_ = recover()
	}()
	after++
	nothing.a = after
	after++
}

// The fault is at the first instruction of its line.
//
//go:noinline
func descendOverFault(w *walk) {
	defer func() {
		w.descend()
		_ = recover()
	}()
	after += store(nothing, 1, 2)
}

//go:noinline
func store(v *value, a, b int) int {
	var local [4]int
	local[a] = b
	v.
		a = 7
	return local[b]
}

//go:noinline
func descendOverWrapper(w *walk) {
	defer func() {
		w.descend()
		_ = recover()
	}()
	throughInterface(nothing, w)
}
