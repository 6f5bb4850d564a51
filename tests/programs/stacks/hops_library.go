package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// Calls by way of the standard library.

//go:noinline
func reflected(w *walk) {
	reflect.ValueOf(plain).Call([]reflect.Value{reflect.ValueOf(w)})
}

// Exported because reflection calls it.
func (p *pointer) Hop(w *walk) { p.hop(w) }

//go:noinline
func reflectedMethod(w *walk) {
	hop := reflect.ValueOf(&pointer{1}).MethodByName("Hop").Interface().(func(*walk))
	hop(w)
	after++
}

//go:noinline
func madeFunction(w *walk) {
	made := reflect.MakeFunc(reflect.TypeOf(plain), func(arguments []reflect.Value) []reflect.Value {
		arguments[0].Interface().(*walk).descend()
		return nil
	})
	made.Interface().(func(*walk))(w)
	after++
}

type pair struct{ w *walk }

func (p *pair) Len() int      { return 2 }
func (p *pair) Swap(i, j int) { after++ }
func (p *pair) Less(i, j int) bool {
	if w := p.w; w != nil {
		p.w = nil
		w.descend()
	}
	return false
}

//go:noinline
func sorted(w *walk) {
	sort.Sort(&pair{w})
	after++
}

//go:noinline
func sortedSlice(w *walk) {
	way := w
	sort.Slice([]int{1, 2}, func(i, j int) bool {
		if way != nil {
			way = nil
			w.descend()
		}
		return false
	})
	after++
}

//go:noinline
func mapped(w *walk) {
	strings.Map(func(letter rune) rune {
		w.descend()
		return letter
	}, "a")
	after++
}

type speaker struct{ w *walk }

func (s speaker) String() string {
	s.w.descend()
	return "spoken"
}

func (s speaker) MarshalJSON() ([]byte, error) {
	s.w.descend()
	return []byte("1"), nil
}

//go:noinline
func formatted(w *walk) {
	after += len(fmt.Sprintf("%v", speaker{w}))
}

//go:noinline
func marshalled(w *walk) {
	text, _ := json.Marshal([]speaker{{w}})
	after += len(text)
}

//go:noinline
func once(w *walk) {
	var done sync.Once
	done.Do(w.descend)
	after++
}
