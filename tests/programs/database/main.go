// Command database reads here and there in a bbolt database of 64 MiB, which maps its file: more and
// more of it becomes resident, and nothing leaks.
package main

import (
	"encoding/binary"
	"io/ioutil"
	"math/rand"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"programs/control"
)

const (
	entries = 16 << 10
	size    = 4 << 10
)

var (
	truth  control.Truth
	bucket = []byte("items")
	sum    int
)

func main() {
	directory, err := ioutil.TempDir("", "database")
	check(err)
	database, err := bbolt.Open(filepath.Join(directory, "items.db"), 0600, nil)
	check(err)
	// The file lives on as long as this process has it open.
	check(os.RemoveAll(directory))
	check(fill(database))
	go read(database)
	truth.Obey(control.Commands())
}

func fill(database *bbolt.DB) error {
	return database.Update(func(tx *bbolt.Tx) error {
		items, err := tx.CreateBucket(bucket)
		if err != nil {
			return err
		}
		items.FillPercent = 1
		for n := uint64(0); n < entries; n++ {
			if err := items.Put(key(n), make([]byte, size)); err != nil {
				return err
			}
		}
		return nil
	})
}

// read gets 500 items a second, and allocates as a service does.
func read(database *bbolt.DB) {
	for range time.Tick(10 * time.Millisecond) {
		check(database.View(func(tx *bbolt.Tx) error {
			for n := 0; n < 5; n++ {
				item := tx.Bucket(bucket).Get(key(uint64(rand.Intn(entries))))
				sum += len(append([]byte(nil), item...))
			}
			return nil
		}))
		sum += len(make([]byte, 1<<20))
	}
}

func key(n uint64) []byte {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], n)
	return key[:]
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
