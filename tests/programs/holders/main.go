// Command holders keeps records in each way that a program can, and says when they are kept; as
// "bounded" it is a cache that keeps the newest of those that come. It ends with its stdin. Builds
// with Go 1.13.
package main

import (
	"container/list"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"programs/control"
	"programs/holders/kept"
)

// count is how many records each way keeps.
const count = 1000

// record is large enough to be sampled, and has a pointer.
type record struct {
	name *string
	data [1000]byte
}

// element is part of a chain.
type element struct {
	next *element
	held *record
}

// cache is what programs make of container/list.
type cache struct {
	order   *list.List
	entries map[int]*list.Element
}

// finalized reaches itself, so that its finalizer never runs, and keeps what it holds.
type finalized struct {
	self *finalized
	held *record
}

// pooled has a pool, whose list reaches all of it.
type pooled struct {
	pool sync.Pool
	held *record
}

var (
	byNumber = map[int]*record{}
	bySelf   = map[*record]map[interface{}]interface{}{}
	sessions sync.Map
	lru      = &cache{order: list.New(), entries: map[int]*list.Element{}}
	queue    = make(chan *record, count)
	chain    *element
	closures []func() int
	pool     sync.Pool
	never    = make(chan int)
	fill     = make(chan int)
	started  sync.WaitGroup
	filled   sync.WaitGroup
	garbage  []byte
)

//go:noinline
func makeRecord(number int) *record {
	name := "record"
	return &record{name: &name, data: [1000]byte{byte(number)}}
}

//go:noinline
func use(held *record) int { return int(held.data[0]) }

func inSlice(number int)   { kept.Keep(makeRecord(number)) }
func inMap(number int)     { byNumber[number] = makeRecord(number) }
func inKeys(number int)    { bySelf[makeRecord(number)] = map[interface{}]interface{}{} }
func inSyncMap(number int) { sessions.Store(number, makeRecord(number)) }
func inList(number int)    { lru.entries[number] = lru.order.PushFront(makeRecord(number)) }
func inChain(number int)   { chain = &element{next: chain, held: makeRecord(number)} }
func inChannel(number int) { queue <- makeRecord(number) }
func inPool(number int)    { pool.Put(makeRecord(number)) }

func inClosure(number int) {
	held := makeRecord(number)
	closures = append(closures, func() int { return use(held) })
}

func inGoroutine(number int) {
	held := makeRecord(number)
	started.Add(1)
	go func() {
		started.Done()
		<-never
		use(held)
	}()
}

func inFrame(number int) {
	started.Add(1)
	go wait(number)
}

func inPooled(number int) {
	held := &pooled{held: makeRecord(number)}
	started.Add(1)
	filled.Add(1)
	go held.wait()
}

func (p *pooled) wait() {
	started.Done()
	<-fill
	p.pool.Put(new(int))
	filled.Done()
	<-never
	use(p.held)
}

func wait(number int) {
	held := makeRecord(number)
	started.Done()
	<-never
	use(held)
}

func inTimer(number int) {
	held := makeRecord(number)
	time.AfterFunc(time.Hour, func() { use(held) })
}

func inFinalized(number int) {
	it := &finalized{held: makeRecord(number)}
	it.self = it
	runtime.SetFinalizer(it, finalize)
}

func finalize(it *finalized) { use(it.held) }

func inQueue(number int) { runtime.SetFinalizer(makeRecord(number), block) }

func block(*record) { <-never }

// limit is how many records the bounded cache keeps, each for longer than a search takes.
const limit = 10000

// beBounded puts into the cache for ever, and drops what is oldest. Some collections a second.
func beBounded() {
	debug.SetGCPercent(10)
	for number := 0; ; number++ {
		inList(number)
		if lru.order.Len() > limit {
			lru.order.Remove(lru.order.Back())
			delete(lru.entries, number-limit)
		}
		if number == 2*limit {
			control.Say("kept", map[string]interface{}{"records": limit})
		}
		if number > 2*limit {
			time.Sleep(time.Millisecond)
		}
	}
}

func main() {
	// Set by the program itself, so that samples are taken even where the linker sees no profile.
	runtime.MemProfileRate = 16 << 10
	// On one processor that has drawn its next sample at this rate: another would first go on to one
	// of the old rate.
	processors := runtime.GOMAXPROCS(1)
	for i := 0; i < 4096; i++ {
		garbage = make([]byte, 4096)
	}
	commands := control.Commands()
	if len(os.Args) > 1 && os.Args[1] == "bounded" {
		runtime.GOMAXPROCS(processors)
		go beBounded()
		control.Await(commands, "exit")
		return
	}
	keep := []func(int){
		inSlice, inMap, inKeys, inSyncMap, inList, inChain, inChannel, inClosure, inGoroutine,
		inFrame, inPooled, inTimer, inFinalized, inQueue,
	}
	for number := 0; number < count; number++ {
		for _, way := range keep {
			way(number)
		}
	}
	started.Wait()
	runtime.GOMAXPROCS(processors)
	for collection := 0; collection < 3; collection++ {
		if collection == 2 {
			// A pool is emptied by the second collection after it was filled.
			for number := 0; number < count; number++ {
				inPool(number)
			}
			close(fill)
			filled.Wait()
		}
		runtime.GC()
		// Finalizers are queued after the sweep.
		time.Sleep(20 * time.Millisecond)
	}
	control.Say("kept", map[string]interface{}{"records": count})
	control.Await(commands, "exit")
	kept.Each(func(record interface{}) { _ = record })
}
