//go:build !lean
// +build !lean

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"go/parser"
	"go/printer"
	"go/token"
	"text/template"
)

func init() {
	parts = append(parts, library)
}

// text/template calls methods by name: the linker keeps all of them, of every type.
func library(n int) int {
	var out bytes.Buffer
	page := template.Must(template.New("page").Parse("{{range .}}{{.}}{{end}}"))
	_ = page.Execute(&out, []int{n})
	_ = json.NewEncoder(&out).Encode(map[string]interface{}{"n": n})
	files := token.NewFileSet()
	if file, err := parser.ParseFile(files, "x.go", "package x", parser.ParseComments); err == nil {
		_ = printer.Fprint(&out, files, file)
	}
	zip := gzip.NewWriter(&out)
	_ = zip.Close()
	return out.Len()
}
