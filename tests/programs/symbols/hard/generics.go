//go:build go1.18
// +build go1.18

package main

import (
	"fmt"
	"sort"
)

func init() {
	parts = append(parts, generics)
}

type number interface{ ~int | ~float64 | ~uint8 }

func sum[T number](values []T) (total T) {
	for _, value := range values {
		total += value
	}
	return total
}

func mapped[T, U any](values []T, change func(T) U) []U {
	result := make([]U, 0, len(values))
	each(values, func(value T) { result = append(result, change(value)) })
	return result
}

func each[T any](values []T, visit func(T)) {
	for _, value := range values {
		visit(value)
	}
}

type stack[T any] struct{ items []T }

func (s *stack[T]) push(item T) { s.items = append(s.items, item) }

func (s *stack[T]) pop() (item T, ok bool) {
	if len(s.items) == 0 {
		return item, false
	}
	last := len(s.items) - 1
	item, s.items = s.items[last], s.items[:last]
	return item, true
}

func (s stack[T]) size() int { return len(s.items) }

type pair[K comparable, V any] struct {
	key   K
	value V
}

func (p pair[K, V]) String() string { return fmt.Sprint(p.key, "=", p.value) }

type ordered[K comparable, V any] struct {
	*stack[pair[K, V]]
	less func(a, b K) bool
}

func (o ordered[K, V]) sorted() []pair[K, V] {
	sort.Slice(o.items, func(i, j int) bool { return o.less(o.items[i].key, o.items[j].key) })
	return o.items
}

type sizer interface{ size() int }

func generics(n int) int {
	s := &stack[string]{}
	s.push("x")
	t := &stack[pair[string, []int]]{}
	t.push(pair[string, []int]{"k", nil})
	o := ordered[string, int]{&stack[pair[string, int]]{}, func(a, b string) bool { return a < b }}
	o.push(pair[string, int]{"b", n})
	o.push(pair[string, int]{"a", n + 1})
	texts := mapped(o.sorted(), func(p pair[string, int]) string { return p.String() })
	sizes := mapped([]sizer{s, t, o, stack[[3]byte]{}}, sizer.size)
	push, pop := s.push, t.pop
	push("y")
	defer s.push("deferred")
	_, ok := pop()
	if !ok {
		return 0
	}
	return len(texts) + sum(sizes) + int(sum([]float64{1.5})) + int(sum([]uint8{1}))
}
