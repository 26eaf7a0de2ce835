package render

import "embed"

//go:embed previews/*.png
var previews embed.FS

// Preview is a picture of a template: the first page of a sample resume, as PNG.
// TestPreviews makes them.
func Preview(template string) ([]byte, bool) {
	picture, err := previews.ReadFile("previews/" + template + ".png")
	return picture, err == nil
}
