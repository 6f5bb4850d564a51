// Command extension is a plugin: it keeps what it is given in a variable of its own.
package main

var kept []interface{}

// Keep keeps a record for ever.
func Keep(record interface{}) {
	kept = append(kept, record)
}

func main() {}
