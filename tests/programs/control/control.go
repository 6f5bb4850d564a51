// Package control is how a test steers a program: lines in, JSON lines out.
package control

import (
	"bufio"
	"encoding/json"
	"os"
)

// Say prints one JSON object as a line of its own.
func Say(event string, facts map[string]interface{}) {
	line := map[string]interface{}{"event": event, "pid": os.Getpid()}
	for name, value := range facts {
		line[name] = value
	}
	// An object of strings and numbers always encodes; a closed stdout means that nobody listens.
	if json.NewEncoder(os.Stdout).Encode(line) != nil {
		os.Exit(1)
	}
}

// Commands yields the lines of stdin, then "exit": a program whose test died ends with it.
func Commands() <-chan string {
	commands := make(chan string)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			commands <- lines.Text()
		}
		commands <- "exit"
	}()
	return commands
}

// Await returns once the command has come, and ends the program on "exit".
func Await(commands <-chan string, wanted string) {
	for command := range commands {
		if command == wanted {
			return
		}
		if command == "exit" {
			os.Exit(0)
		}
	}
}
