package main

import "programs/hard/assembly"

func init() {
	parts = append(parts, assembled)
}

func assembled(n int) int {
	return int(assembly.Double(uint64(n))) + int(assembly.Call(uint64(n)))
}
