//go:build go1.18
// +build go1.18

package main

// What only later versions of the language have.
var versionedHops = []func(*walk){
	genericOfInt, genericOfPointer, genericMethod, genericClosure, genericInterface,
}

//go:noinline
func generic[T any](w *walk, value T) T {
	w.descend()
	after++
	return value
}

func genericOfInt(w *walk)     { generic(w, 1) }
func genericOfPointer(w *walk) { generic(w, &pointer{1}) }

type holder[K comparable, V any] struct {
	key   K
	value V
}

//go:noinline
func (h *holder[K, V]) hop(w *walk) {
	w.descend()
	after++
}

func genericMethod(w *walk) { (&holder[string, *walk]{"key", w}).hop(w) }

func genericInterface(w *walk) { throughInterface(&holder[int, []int]{1, nil}, w) }

//go:noinline
func within[T any](w *walk, value T) {
	call(func(w *walk) {
		generic(w, value)
		after++
	}, w)
}

func genericClosure(w *walk) { within(w, [3]string{}) }
