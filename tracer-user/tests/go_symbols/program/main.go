// Program main has one of everything that makes names and lines hard: closures, methods,
// embedded methods, nested inlining, defers, goroutines, loops over long bodies.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"time"
)

type shape interface{ area() float64 }

type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }

type circle struct {
	name   string
	radius float64
}

func (c *circle) area() float64 { return 3.14 * c.radius * c.radius }

type named struct{ *circle }

var sink []byte

func leaf(n int) []byte { return make([]byte, n) }

func middle(n int) []byte {
	return leaf(n + 1)
}

func top(n int) []byte {
	if n < 0 {
		return nil
	}
	return middle(n * 2)
}

//go:noinline
func allocate(n int) {
	sink = top(n)
	sink = append(sink, leaf(n)...)
}

//go:noinline
func recurse(n int) int {
	if n == 0 {
		return len(os.Args)
	}
	return recurse(n-1) + 1
}

func counter() func() int {
	n := 0
	return func() int {
		n++
		defer func() {
			if n > 1000 {
				panic(fmt.Sprint("too many: ", n))
			}
		}()
		return n
	}
}

func total(shapes []shape) (sum float64) {
	for _, s := range shapes {
		sum += s.area()
	}
	return sum
}

func main() {
	next := counter()
	next()
	allocate(1000 + recurse(3))
	words := strings.Fields("the quick brown fox")
	sort.Slice(words, func(i, j int) bool { return len(words[i]) < len(words[j]) })
	fmt.Println(next(), total([]shape{square{2}, &circle{"c", 1}, named{&circle{"n", 2}}}), words)
	extra()
	done := make(chan bool)
	go func() {
		allocate(1 << 20)
		done <- true
	}()
	<-done
	if len(os.Args) > 1 {
		time.Sleep(time.Hour)
	}
}
