package main

import "fmt"

type number interface{ ~int | ~float64 }

func sum[T number](values []T) (total T) {
	for _, value := range values {
		total += value
	}
	return total
}

type stack[T any] struct{ items []T }

func (s *stack[T]) push(item T) { s.items = append(s.items, item) }

func extra() {
	s := &stack[string]{}
	s.push("x")
	fmt.Println(sum([]int{1, 2, 3}), sum([]float64{1.5}), len(s.items))
}
