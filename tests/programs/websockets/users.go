package main

import (
	"fmt"
	"io"
	"io/ioutil"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// first is how many users are there at the start.
	first = 700
	// between is the time in which arriving users come, leaving ones go, and pages are read.
	between  = 100 * time.Millisecond
	arriving = 3
	leaving  = 4
	pages    = 12
)

// cookies are those of a browser that has been to many pages of the site.
var cookies = http.Header{"Cookie": {"consent=" + strings.Repeat("yes.", 1024)}}

// beUsers connects the first users, says so, and lets others come and go.
func beUsers(shop string) {
	var users []*websocket.Conn
	for n := 0; n < first; n++ {
		users = append(users, arrive(shop))
	}
	fmt.Println("connected")
	for range time.Tick(between) {
		for n := 0; n < arriving; n++ {
			users = append(users, arrive(shop))
		}
		for n := 0; n < leaving && len(users) > 0; n++ {
			users[0].Close()
			users = users[1:]
		}
		for n := 0; n < pages; n++ {
			read(shop)
		}
	}
}

// arrive connects as socket.io's client does where websockets work, and waits for the greeting.
func arrive(shop string) *websocket.Conn {
	address := "ws://" + shop + "/socket.io/?EIO=3&transport=websocket"
	user, _, err := websocket.DefaultDialer.Dial(address, cookies)
	check(err)
	_, _, err = user.ReadMessage()
	check(err)
	return user
}

func read(shop string) {
	page, err := http.NewRequest("GET", "http://"+shop+"/", nil)
	check(err)
	page.Header = cookies
	answer, err := http.DefaultClient.Do(page)
	check(err)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	check(err)
	answer.Body.Close()
}
