package main

import "strconv"

func init() {
	parts = append(parts, nested, loops, expressions, spliced)
}

var (
	sink  []byte
	words []string
)

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

func one(n int) int   { return n ^ len(sink) }
func two(n int) int   { return one(n) + one(n+1) }
func three(n int) int { return two(n) * two(n+2) }
func four(n int) int {
	return three(n) -
		three(n+3)
}
func five(n int) int { return four(n) | four(n+4) }

//go:noinline
func nested(n int) int {
	sink = top(n)
	sink = append(sink, leaf(n)...)
	sink = append(sink,
		middle(n)...)
	return five(n) + five(n+5)
}

type point struct{ x, y int }

func (p point) plus(q point) point { return point{p.x + q.x, p.y + q.y} }
func (p *point) move(n int)        { *p = p.plus(point{n, n}) }
func (p *point) moved(n int) point { p.move(n); return *p }

//go:noinline
func loops(n int) int {
	p := point{n, n}
	for i := 0; i < 100; i++ {
		p.move(i)
		for j := i; j > 0; j-- {
			p = p.moved(j).plus(p)
		}
	}
	return p.x + p.y
}

//go:noinline
func expressions(n int) int {
	table := map[string]int{
		"a": one(n),
		"b": two(n),
		strconv.Itoa(n): three(
			n,
		),
	}
	switch {
	case table["a"] > n, one(n) == 3:
		words = append(words, strconv.Quote("a"))
	case four(n) > 5 && two(n) < 3:
		return two(n)
	}
	sum := 0
	for key, value := range table {
		sum += len(key) * value
	}
	return sum +
		one(n) -
		three(n)
}

// As goyacc and templates write it: another file's name and lines in the middle of this one.

//line grammar.y:100
func reduce(n int) int {
	return one(n) +
//line grammar.y:200
		two(n)
}

//line other/lexer.l:7
//go:noinline
func spliced(n int) int {
	return reduce(n) + reduce(n+1)
}
