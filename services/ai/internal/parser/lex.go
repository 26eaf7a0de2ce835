package parser

import (
	_ "embed"
	"strings"
)

//go:embed words.txt
var wordsFile string

// lists are the word lists of words.txt by name.
var lists = func() map[string]string {
	m := map[string]string{}
	name := ""
	for line := range strings.Lines(wordsFile) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			name = strings.Trim(line, "[]")
		case m[name] == "":
			m[name] = line
		default:
			m[name] += "|" + line
		}
	}
	return m
}()

// lex is a list of words.txt as alternatives. A name that is not there is a fault
// of the program's, found by every test.
func lex(name string) string {
	list, ok := lists[name]
	if !ok {
		panic("words.txt has no list " + name)
	}
	return list
}
