package main

// Plain calls.

//go:noinline
func plain(w *walk) {
	w.descend()
	after++
}

//go:noinline
func inlined(w *walk) {
	inlinedOuter(w)
	after++
}

func inlinedOuter(w *walk) { inlinedMiddle(w) }

func inlinedMiddle(w *walk) { inlinedInner(w) }

func inlinedInner(w *walk) { w.descend() }

//go:noinline
func loop(w *walk) {
	for i := 0; i < 1+w.left-w.left; i++ {
		w.descend()
	}
}

// Methods, and the wrappers that the compiler makes for them.

type hopper interface{ hop(w *walk) }

type value struct{ a, b, c int }

//go:noinline
func (v value) hop(w *walk) {
	w.descend()
	after += v.a
}

type pointer struct{ a int }

//go:noinline
func (p *pointer) hop(w *walk) {
	w.descend()
	after += p.a
}

type inlinable struct{ a, b int }

func (i inlinable) hop(w *walk) { w.descend() }

type outer struct {
	first int
	value
}

type outerPointer struct {
	first int
	*pointer
}

type outerInterface struct {
	first int
	hopper
}

//go:noinline
func throughInterface(h hopper, w *walk) {
	h.hop(w)
	after++
}

func byValue(w *walk)             { throughInterface(value{1, 2, 3}, w) }
func byPointer(w *walk)           { throughInterface(&pointer{1}, w) }
func promoted(w *walk)            { throughInterface(outer{1, value{1, 2, 3}}, w) }
func valueThroughPointer(w *walk) { throughInterface(&inlinable{1, 2}, w) }

func embeddedInterface(w *walk) {
	throughInterface(outerInterface{1, outerPointer{2, &pointer{3}}}, w)
}

//go:noinline
func call(f func(*walk), w *walk) {
	f(w)
	after++
}

func methodValue(w *walk) { call(outer{1, value{1, 2, 3}}.hop, w) }

//go:noinline
func methodExpression(w *walk) {
	f := (*outerPointer).hop
	f(&outerPointer{1, &pointer{2}}, w)
	after++
}

// Closures.

//go:noinline
func closure(w *walk) {
	call(func(w *walk) { w.descend(); after++ }, w)
}

//go:noinline
func nestedClosure(w *walk) {
	once := 0
	call(func(w *walk) {
		call(func(w *walk) {
			once++
			w.descend()
			once++
		}, w)
		once++
	}, w)
	after += once
}

var stored = func(w *walk) { w.descend(); after++ }

func storedClosure(w *walk) { stored(w) }
