// Command checksum computes for some seconds with everything a tracer could disturb (goroutines,
// collections, sockets, page faults, threads) and ends with a checksum and exit code 7.
// Its output is the same on every run.
//
// Commands on stdin: go. It starts at once when stdin is closed.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	workers  = 8
	exitCode = 7
)

func main() {
	rounds := flag.Int("rounds", 2000, "rounds of each worker; 2000 take some seconds on two cores")
	flag.Parse()

	fmt.Println("ready")
	// An end of input is as good as a line.
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go hashForOthers(listener)

	sums := make([][sha256.Size]byte, workers)
	var group sync.WaitGroup
	for worker := range sums {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			sums[worker] = work(uint64(worker), *rounds, listener.Addr().String())
		}(worker)
	}
	group.Wait()

	total := sha256.New()
	for _, sum := range sums {
		total.Write(sum[:])
	}
	fmt.Printf("checksum %x\n", total.Sum(nil))
	os.Exit(exitCode)
}

// work chains hashes of freshly allocated memory; some are computed at the other end of a socket.
func work(seed uint64, rounds int, address string) [sha256.Size]byte {
	var sum [sha256.Size]byte
	binary.LittleEndian.PutUint64(sum[:], seed)
	for round := 0; round < rounds; round++ {
		block := make([]byte, 64<<10+int(sum[0])<<10)
		for at := 0; at < len(block); at += sha256.Size {
			copy(block[at:], sum[:])
		}
		sum = sha256.Sum256(block)
		if round%8 == 0 {
			sum = askOther(address, sum)
		}
		switch round % 64 {
		case 20:
			runtime.GC()
		case 40:
			debug.FreeOSMemory()
		}
	}
	return sum
}

func askOther(address string, sum [sha256.Size]byte) [sha256.Size]byte {
	conn, err := net.Dial("tcp", address)
	check(err)
	_, err = conn.Write(sum[:])
	check(err)
	_, err = io.ReadFull(conn, sum[:])
	check(err)
	check(conn.Close())
	return sum
}

func hashForOthers(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			var sum [sha256.Size]byte
			_, err := io.ReadFull(conn, sum[:])
			check(err)
			sum = sha256.Sum256(sum[:])
			_, err = conn.Write(sum[:])
			check(err)
			check(conn.Close())
		}()
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "checksum:", err)
		os.Exit(1)
	}
}
