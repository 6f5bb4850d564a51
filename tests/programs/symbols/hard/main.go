// Program hard holds what makes names and lines hard to tell: closures, method values, wrappers of
// embedded methods, deep inlining, defer and go statements, assembly, line directives, and a good
// part of the standard library.
package main

import (
	"fmt"
	"os"
)

// The parts register here, because not every part exists in every release of Go.
var parts []func(n int) int

func main() {
	total := 0
	for i, part := range parts {
		total += part(i + len(os.Args))
	}
	fmt.Println(total)
}
