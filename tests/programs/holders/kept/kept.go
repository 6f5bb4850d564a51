// Package kept keeps what it is given, in a variable of its own.
package kept

var records []interface{}

// Keep keeps a record for ever.
func Keep(record interface{}) {
	records = append(records, record)
}

// Each shows all that is kept.
func Each(show func(interface{})) {
	for _, record := range records {
		show(record)
	}
}
