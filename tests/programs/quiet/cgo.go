// +build cgo

package main

// Nothing of it is called; the program is linked with C code and its runtime.

import "C"
