//go:build go1.18
// +build go1.18

package main

type pair[K comparable, V any] struct {
	key   K
	value V
}

func (p *pair[K, V]) list(n int) []pair[K, V] { return make([]pair[K, V], n) }

//go:noinline
func each[T any](n int) []T { return make([]T, n) }

func inlinedEach[T any](n int) []*T { return make([]*T, n) }

//go:noinline
func generic(count int) {
	for i := 0; i < count; i++ {
		keep(each[int64](50))
		keep(each[struct{ A, B string }](20))
		keep(inlinedEach[string](40))
		keep((&pair[string, int]{}).list(10))
	}
}
