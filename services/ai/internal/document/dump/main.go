// Command dump prints how a document is read, to look at when it is read wrongly.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/document"
)

func main() {
	document.Worker()
	r := document.New(document.Config{CacheDir: os.Getenv("DOCUMENT_CACHE_DIR")})
	defer r.Close()
	for _, name := range os.Args[1:] {
		data, err := os.ReadFile(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		start := time.Now()
		doc, err := r.Read(context.Background(), data)
		fmt.Printf("== %s %v %v\n", name, time.Since(start), err)
		if err != nil {
			continue
		}
		for _, w := range doc.Warnings {
			fmt.Println("!!", w.Code, w.Message)
		}
		for _, p := range doc.Pages {
			for _, l := range p.Lines {
				fmt.Printf("p%d b%-2d %s%s%s sp%.1f h%d |", p.Number, l.Block, flag(l.Bullet, "•"), flag(l.Wrapped, "↩"), flag(l.Broken, "-"), l.Space, l.Heading)
				for _, s := range l.Spans {
					fmt.Printf("%s%s[%.1f%s%s%s]", flag(s.Tab, " ⇥ "), s.Text, s.Size, flag(s.Bold, "b"), flag(s.Italic, "i"), flag(s.URL != "", " "+s.URL))
				}
				fmt.Println()
			}
			for _, l := range p.Links {
				fmt.Println("link", l.URL, "=", l.Text)
			}
		}
	}
}

func flag(on bool, s string) string {
	if on {
		return s
	}
	return " "
}
