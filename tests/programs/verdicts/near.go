package main

import (
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// These programs come near to what rules compare with: how near, their arguments say.

// number is one of the arguments.
func number(index int) int {
	number, err := strconv.Atoi(os.Args[2+index])
	if err != nil {
		panic(err)
	}
	return number
}

// nearFragmentation OBJECTS SOME EACH leaves some of each few objects.
func nearFragmentation(step int) {
	scatter(step, number(0), number(1), number(2))
}

// nearHugePages PAGES MEGABYTES inflates so many pages of 8 KiB beside megabytes that live.
func nearHugePages(step int) {
	if step == 0 {
		ballast = entry(number(1) << 20)
	}
	inflateBy(step, number(0))
}

// nearHeap BYTES EVERY keeps so much every so many steps; less at two further places.
func nearHeap(step int) {
	if step%number(1) == 0 {
		keepMost(number(0))
	}
	if step%(14*number(1)) == 0 {
		keepSome(number(0))
	}
	if step%(26*number(1)) == 0 {
		keepFew(number(0))
	}
	churn(step)
}

// nearKept BYTES keeps so much every step, and makes no garbage: the heap doubles between collections.
func nearKept(int) {
	keepMost(number(0))
}

// nearCache BYTES ENTRIES keeps so much every step, and only so many of them: the oldest makes room.
func nearCache(step int) {
	keepMost(number(0))
	if len(most) > number(1) {
		most[0], most = nil, most[1:]
	}
}

// nearBurst BYTES FROM UNTIL keeps so much every step from one to another, and then does nothing.
func nearBurst(step int) {
	if step >= number(1) && step < number(2) {
		keepMost(number(0))
		churn(step)
	}
}

var most, some, few [][]byte

// Each touches what it keeps at a line of its own.

//go:noinline
func keepMost(size int) {
	kept := make([]byte, size)
	for at := 0; at < size; at += 4096 {
		kept[at] = 1
	}
	most = append(most, kept)
}

//go:noinline
func keepSome(size int) {
	kept := make([]byte, size)
	for at := 0; at < size; at += 4096 {
		kept[at] = 1
	}
	some = append(some, kept)
}

//go:noinline
func keepFew(size int) {
	kept := make([]byte, size)
	for at := 0; at < size; at += 4096 {
		kept[at] = 1
	}
	few = append(few, kept)
}

// nearNative BYTES EVERY maps so much every so many steps.
func nearNative(step int) {
	if step%number(1) == 0 {
		fill(mapAnonymous(number(0)))
	}
	churn(step)
}

// nearGoroutines EVERY CALLS starts a goroutine every so many steps; of a hundred so many block in a
// system call.
func nearGoroutines(step int) {
	if every := number(0); step%every == 0 {
		switch n := step / every; {
		case n*37%100 < number(1):
			go waitInCall()
		case n%14 == 0:
			waitSome(nil)
		case n%26 == 1:
			waitFew(nil)
		default:
			waitMost(nil)
		}
	}
	churn(step)
}

func waitMost(answer chan int) { go func() { <-answer }() }

func waitSome(answer chan int) { go func() { <-answer }() }

func waitFew(answer chan int) { go func() { <-answer }() }

// waitInCall reads of a pipe that nobody writes to.
func waitInCall() {
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	var answer [1]byte
	syscall.Read(pipe[0], answer[:])
}

// nearSockets EVERY READERS BYTES CLOSED OTHERS dials every so many steps. Of a hundred connections so
// many have a reader; each has so many bytes; of a hundred dialled at one place so many are closed,
// and so many at another.
func nearSockets(step int) {
	if address == "" {
		startServer()
	}
	if every := number(0); step%every == 0 {
		n := step / every
		dialNow, closed := dialHere, number(3)
		if n%2 == 0 {
			dialNow, closed = dialThere, number(4)
		}
		connection := dialNow(n, closed)
		if n*37%100 < number(1) {
			go io.Copy(io.Discard, connection)
		}
		if size := number(2); size > 0 {
			keepMost(size)
		}
	}
	churn(step)
}

//go:noinline
func dialHere(n, closed int) net.Conn {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	return keepUnless(n/2*37%100 < closed, connection)
}

//go:noinline
func dialThere(n, closed int) net.Conn {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	return keepUnless(n/2*37%100 < closed, connection)
}

func keepUnless(close bool, connection net.Conn) net.Conn {
	if close {
		connection.Close()
	}
	open = append(open, connection)
	return connection
}

// nearClients CLOSED makes clients that nobody closes, and of a hundred at another place closes so many.
func nearClients(step int) {
	if address == "" {
		startServer()
	}
	switch step % 10 {
	case 0:
		get(newClient())
	case 5:
		client := newClient()
		other(client)
		if step/10*37%100 < number(0) {
			client.CloseIdleConnections()
		}
	}
	churn(step)
}

// nearAccepted LEAVING DIALLED BYTES accepts users of whom so many of a hundred leave, dials so many for
// each ten of them, and keeps so many bytes in each step.
func nearAccepted(step int) {
	if address == "" {
		acceptFrom(os.Args[2])
	}
	if step%100 < number(1) {
		open = append(open, dialPeer())
	}
	if size := number(2); size > 0 {
		keepMost(size)
	}
	churn(step)
}

var peer string

func dialPeer() net.Conn {
	if peer == "" {
		service := address
		startServer()
		peer, address = address, service
	}
	connection, err := net.Dial("tcp", peer)
	if err != nil {
		panic(err)
	}
	return connection
}

// nearRetained USERS EVERY COME LEAVE keeps a page for each user that comes, so many every so many
// steps, while so many of those that were there at the start leave.
func nearRetained(step int) {
	if step == 0 {
		listen(true)
		for n := 0; n < number(0); n++ {
			open = append(open, dial())
		}
	}
	if step%number(1) == 0 {
		for n := 0; n < number(2); n++ {
			visit(4 << 10)
			keepMost(256 << 10)
		}
		for n := 0; n < number(3) && len(open) > 0; n++ {
			open[0].Close()
			open = open[1:]
		}
	}
	churn(step)
}

type node struct {
	next *node
	rest [6]*node
}

var chain *node

// nearSpiral MEGABYTES ALLOCATED lives on small objects, and allocates so many KiB in each step.
func nearSpiral(step int) {
	if chain == nil {
		for n := 0; n < number(0)<<20/64; n++ {
			chain = &node{next: chain}
		}
	}
	for n := 0; n < number(1); n += 64 {
		garbageBin = entry(64 << 10)
	}
}

var profile []runtime.MemProfileRecord

// nearOwners keeps large objects of two kinds in two variables, and links the heap profiler.
func nearOwners(step int) {
	if step == 0 {
		runtime.MemProfile(profile, true)
	}
	if step%100 == 0 {
		large := makeMany()
		if step/100%10 < 7 {
			most = append(most, large)
		} else {
			some = append(some, large)
		}
	}
	if step%200 == 0 {
		few = append(few, makeFew())
	}
	churn(step)
}

//go:noinline
func makeMany() []byte { return make([]byte, 2<<20) }

//go:noinline
func makeFew() []byte { return make([]byte, 2<<20) }

// double keeps its entries in an array that doubles when it is full.
func double(step int) {
	const least = 1 << 20
	if len(ballast) < step*8<<10 {
		larger := entry(2*len(ballast) + least)
		copy(larger, ballast)
		ballast = larger
	}
	churn(step)
}

// stepOnce grows slowly, and takes in 50 MB at once after 18 seconds.
func stepOnce(step int) {
	keepFew(5 << 10)
	if step == 1800 {
		ballast = entry(50 << 20)
	}
	churn(step)
}

// fillAtRandom fills a cache with entries whose keys come at random.
func fillAtRandom(step int) {
	seed = seed*6364136223846793005 + 1442695040888963407
	kept[strconv.Itoa(int(seed>>33)%900)] = entry(40 << 10)
	churn(step)
}

var seed = uint64(time.Now().UnixNano())

// visit connects, asks, reads the answer and leaves.
func visit(header int) {
	user := dial()
	request := "GET / HTTP/1.1\r\nHost: shop\r\nX-Session: " + strings.Repeat("s", header) +
		"\r\nConnection: close\r\n\r\n"
	if _, err := user.Write([]byte(request)); err != nil {
		panic(err)
	}
	var answer [512]byte
	for {
		if _, err := user.Read(answer[:]); err != nil {
			break
		}
	}
	user.Close()
}
