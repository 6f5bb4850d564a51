package main

// walk is a way down: hops chosen at random, then a call.
type walk struct {
	state uint64
	left  int
	// What to do at the bottom; a marked call when nil.
	bottom func()
}

func walkFrom(seed uint64, depth int) {
	w := &walk{state: seed*0x9e3779b97f4a7c15 + 1, left: depth}
	w.descend()
}

func walkTo(seed uint64, depth int, bottom func()) {
	w := &walk{state: seed*0x9e3779b97f4a7c15 + 1, left: depth, bottom: bottom}
	w.descend()
}

func (w *walk) random() uint64 {
	w.state ^= w.state << 13
	w.state ^= w.state >> 7
	w.state ^= w.state << 17
	return w.state
}

// hops is filled while the package is initialised: the hops call descend, which reads it.
var hops []func(*walk)

//go:noinline
func (w *walk) descend() {
	if w.left == 0 {
		if w.bottom != nil {
			w.bottom()
			return
		}
		makeMark(w.random())
		return
	}
	w.left--
	hops[w.random()%uint64(len(hops))](w)
	after++
}

// after is what each hop counts when it is back, so that no call is the last thing it does.
var after int

func allHops() []func(*walk) {
	return append([]func(*walk){
		plain, inlined, loop,
		byValue, byPointer, promoted, embeddedInterface, valueThroughPointer, methodValue, methodExpression,
		closure, nestedClosure, storedClosure,
		deferred, deferredInLoop, panicking, recovered, faulting, faultingAtOnce, wrapperOfNil,
		spawned, spawnedWithArguments, goexiting, timed,
		reflected, reflectedMethod, madeFunction,
		sorted, sortedSlice, mapped, formatted, marshalled, once,
	}, versionedHops...)
}
