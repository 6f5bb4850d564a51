package main

import (
	"errors"
	"sort"
	"strings"
	"sync"
)

func init() {
	parts = append(parts, closures, deferred, started)
}

type adder func(int) int

func counter(start int) adder {
	n := start
	return func(step int) int {
		twice := func() int {
			return func() int { n += step; return n }() + n
		}
		return twice() + n
	}
}

var global = func(n int) int {
	nested := func(m int) int {
		return strings.Count(strings.Repeat("ab", m), "b")
	}
	return nested(n) + nested(n+1)
}

func closures(n int) int {
	words := strings.Fields("the quick brown fox jumps over the lazy dog")
	sort.Slice(words, func(i, j int) bool {
		return len(words[i])+n < len(words[j])
	})
	add := counter(n)
	return add(1) + add(2) + global(n) + len(words[0])
}

var errLarge = errors.New("too large")

//go:noinline
func risky(n int) (result int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = cause.(error)
		}
	}()
	if n > 1000 {
		panic(errLarge)
	}
	return n * 2, nil
}

type account struct {
	mutex   sync.Mutex
	balance int
}

func (a *account) add(n int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.balance += n
}

func (a account) value(n int) int { return a.balance + n }

func deferred(n int) (total int) {
	a := &account{}
	// Arguments of a deferred call: a wrapper from Go 1.17 on.
	defer a.add(n)
	for i := 0; i < n; i++ {
		// A defer in a loop is allocated.
		defer a.add(i)
		defer func(i int) { total += i }(i)
	}
	value, err := risky(n)
	if err != nil {
		return 0
	}
	return value + a.value(n)
}

func started(n int) int {
	results := make(chan int)
	done := make(chan struct{})
	a := &account{}
	go func() {
		for result := range results {
			a.add(result)
		}
		close(done)
	}()
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go send(&group, results, i)
	}
	// Go statements with arguments, with a method value, and with an interface method.
	group.Add(2)
	go a.twice(&group, n)
	run := (&account{balance: n}).twice
	go run(&group, n)
	group.Wait()
	close(results)
	<-done
	return a.balance
}

func (a *account) twice(group *sync.WaitGroup, n int) {
	defer group.Done()
	a.add(n * 2)
}

func send(group *sync.WaitGroup, results chan<- int, n int) {
	defer group.Done()
	results <- n
}
