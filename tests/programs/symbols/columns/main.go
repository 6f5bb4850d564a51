// Program columns computes on columns of data: generic kernels for every type, and assembly.
package main

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/compute"
)

func main() {
	fmt.Println(compute.GetFunctionRegistry().GetFunctionNames())
}
