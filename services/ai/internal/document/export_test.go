package document

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"

	"github.com/klippa-app/go-pdfium/requests"
)

// Render draws the first page of a PDF as OCR sees it.
func Render(cacheDir string, data []byte) (*image.Gray, error) {
	e, err := startEngine(cacheDir)
	if err != nil {
		return nil, err
	}
	defer e.close()
	opened, err := e.instance.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		return nil, err
	}
	page, err := e.instance.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: opened.Document})
	if err != nil {
		return nil, err
	}
	picture, err := e.picture(page.Page, 595, 842)
	if err != nil {
		return nil, err
	}
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	gray := image.NewGray(img.Bounds())
	draw.Draw(gray, gray.Bounds(), img, image.Point{}, draw.Src)
	return gray, nil
}
