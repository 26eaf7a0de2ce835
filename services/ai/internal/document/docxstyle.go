package document

import (
	"encoding/xml"
	"path"
	"strconv"
	"strings"
)

// relationships reads the addresses of hyperlinks and the names of headers.
func (d *docx) relationships(main string) (map[string]string, error) {
	links := map[string]string{}
	err := d.walk(path.Join(path.Dir(main), "_rels", path.Base(main)+".rels"), func(t xml.Token) (bool, error) {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "Relationship" {
			switch kind := attr(e, "Type"); {
			case strings.HasSuffix(kind, "/hyperlink") && len(attr(e, "Target")) <= 2000:
				links[attr(e, "Id")] = attr(e, "Target")
			case strings.HasSuffix(kind, "/header") && len(d.headers) < 3:
				d.headers = append(d.headers, path.Join(path.Dir(main), attr(e, "Target")))
			}
		}
		return false, nil
	})
	return links, err
}

// readStyles reads what the named styles look like, each with what it is based on.
func (d *docx) readStyles(name string) (map[string]style, error) {
	styles := map[string]style{}
	var id string
	var cur style
	err := d.walk(name, func(t xml.Token) (bool, error) {
		switch e := t.(type) {
		case xml.StartElement:
			switch local(e.Name) {
			case "w:docDefaults":
				id, cur = "", style{}
			case "w:style":
				id, cur = attr(e, "styleId"), style{}
				if base := styles[attr(e, "basedOn")]; base.size > 0 {
					cur = base
				}
			case "w:basedOn":
				cur.based = attr(e, "val")
			case "w:name":
				cur.heading = max(cur.heading, headingOf(attr(e, "val")))
			default:
				cur.apply(e)
			}
		case xml.EndElement:
			if n := local(e.Name); n == "w:style" || n == "w:docDefaults" {
				styles[id] = cur
			}
		}
		return false, nil
	})
	for id, s := range styles {
		for base, steps := s.based, 0; base != "" && steps < 10; steps++ {
			b := styles[base]
			if s.size == 0 {
				s.size = b.size
			}
			s.bold, s.italic, s.caps, s.list = s.bold || b.bold, s.italic || b.italic, s.caps || b.caps, s.list || b.list
			s.heading = max(s.heading, b.heading)
			base = b.based
		}
		styles[id] = s
	}
	return styles, err
}

// headingOf reads the built-in names of styles.
func headingOf(name string) int {
	name = strings.ToLower(name)
	if name == "title" {
		return 1
	}
	if rest, ok := strings.CutPrefix(name, "heading "); ok {
		n, _ := strconv.Atoi(rest)
		return n + 1
	}
	return 0
}

// apply takes over one property of a paragraph or a run.
func (s *style) apply(e xml.StartElement) {
	switch local(e.Name) {
	case "w:b":
		s.bold = on(e)
	case "w:i":
		s.italic = on(e)
	case "w:caps", "w:smallCaps":
		s.caps = on(e)
	case "w:sz":
		if half, err := strconv.ParseFloat(attr(e, "val"), 64); err == nil {
			s.size = half / 2
		}
	case "w:outlineLvl":
		if n, err := strconv.Atoi(attr(e, "val")); err == nil && n < 9 {
			s.heading = n + 2
		}
	case "w:numPr":
		s.list = true
	case "w:numId":
		s.list = attr(e, "val") != "0"
	}
}
