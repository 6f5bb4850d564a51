package main

import (
	"bytes"
	"fmt"
	"io"
	"io/ioutil"
	"strings"
)

func init() {
	parts = append(parts, shapes, methodValues)
}

type shape interface {
	area() float64
	name() string
}

type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }
func (s square) name() string  { return fmt.Sprint("square of ", s.side) }

type circle struct {
	label  string
	radius float64
}

func (c *circle) area() float64 { return 3.14 * c.radius * c.radius }
func (c *circle) name() string  { return strings.ToUpper(c.label) }

// The compiler writes the methods of these: wrappers, by value and by pointer, one inside the other.
type (
	named struct{ *circle }
	boxed struct {
		named
		depth int
	}
	framed   struct{ boxed }
	borrowed struct {
		shape
		io.Reader
		*bytes.Buffer
	}
	renamed square
)

func (r *renamed) Read(into []byte) (int, error) {
	return copy(into, "renamed"), io.EOF
}

func shapes(n int) int {
	all := []shape{
		square{2},
		&square{float64(n)},
		&circle{"c", 1},
		named{&circle{"n", 2}},
		&boxed{named{&circle{"b", 3}}, n},
		framed{boxed{named{&circle{"f", 4}}, n}},
		&framed{boxed{named{&circle{"g", 5}}, n}},
		borrowed{shape: square{6}},
		&borrowed{shape: &square{7}},
	}
	total := 0.0
	for _, s := range all {
		total += s.area() + float64(len(s.name()))
	}
	text, _ := ioutil.ReadAll(&renamed{})
	return int(total) + len(text)
}

func methodValues(n int) int {
	s := square{float64(n)}
	c := &circle{"v", 1}
	f := framed{boxed{named{c}, n}}
	var any shape = c
	total := 0.0
	for _, area := range []func() float64{s.area, c.area, f.area, any.area, (&f).area} {
		total += area()
	}
	for _, name := range []func(*circle) string{(*circle).name} {
		total += float64(len(name(c)))
	}
	return int(total + square.area(s) + shape.area(any) + framed.area(f))
}
