package main

/*
__attribute__((noinline)) static int c_leaf(int n) { return n * 2 + 1; }
__attribute__((noinline)) int c_entry(int n) { return c_leaf(n) + 1; }
int c_entry(int n);
*/
import "C"

func init() { sink = make([]byte, int(C.c_entry(3))) }
