package user

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"testing"
)

// picture is a PNG with a red upper left quarter on blue.
func picture(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, quarter(w, h)))
	return b.Bytes()
}

func quarter(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{B: 255, A: 255}
			if x < w/2 && y < h/2 {
				c = color.NRGBA{R: 255, A: 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// exifJPEG is the picture as JPEG with an EXIF orientation, and a comment that
// must not get through.
func exifJPEG(t testing.TB, orientation uint16, order binary.AppendByteOrder) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, quarter(64, 64), nil))
	mark := []byte("MM\x00\x2a")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		mark = []byte("II\x2a\x00")
	}
	tiff := append([]byte{}, mark...)
	put16 := func(v uint16) { tiff = append(tiff, order.AppendUint16(nil, v)...) }
	put32 := func(v uint32) { tiff = append(tiff, order.AppendUint32(nil, v)...) }
	put32(8)
	put16(1)
	put16(tagOrientation)
	put16(3)
	put32(1)
	put16(orientation)
	put16(0)
	app1 := append([]byte("Exif\x00\x00"), tiff...)
	segment := append([]byte{0xFF, markerAPP1}, binary.BigEndian.AppendUint16(nil, uint16(len(app1)+2))...)
	comment := append([]byte{0xFF, 0xFE, 0, 9}, "SECRET!"...)
	raw := b.Bytes()
	return append(append(append(append([]byte{}, raw[:2]...), comment...), append(segment, app1...)...), raw[2:]...)
}

func TestPhotosAreTurnedAndWrittenAnew(t *testing.T) {
	t.Parallel()
	// Where the red quarter is after the turn that each orientation asks for: left, top.
	for orientation, want := range map[uint16][2]bool{
		1: {true, true}, 2: {false, true}, 3: {false, false}, 4: {true, false},
		5: {true, true}, 6: {false, true}, 7: {false, false}, 8: {true, false},
	} {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			sizes, mediaType, err := renderPhoto(exifJPEG(t, orientation, order))
			must(t, err)
			if mediaType != "image/jpeg" || bytes.Contains(sizes[512], []byte("SECRET")) || bytes.Contains(sizes[512], []byte("Exif")) {
				t.Errorf("orientation %d: %s, or metadata got through", orientation, mediaType)
			}
			for size, raw := range sizes {
				img, _, err := image.Decode(bytes.NewReader(raw))
				must(t, err)
				if img.Bounds().Dx() != size || img.Bounds().Dy() != size {
					t.Fatalf("size %d is %v", size, img.Bounds())
				}
				at := func(far bool) int {
					if far {
						return size / 4
					}
					return size * 3 / 4
				}
				if r, _, b, _ := img.At(at(want[0]), at(want[1])).RGBA(); r < b {
					t.Errorf("orientation %d, size %d: the red quarter is elsewhere", orientation, size)
				}
			}
		}
	}
}

// What a file is besides a picture, what it says of where it was taken and what
// moves in it does not get through.
func TestNothingButPixelsGetsThrough(t *testing.T) {
	t.Parallel()
	gps := exifJPEG(t, 1, binary.BigEndian)
	gps = bytes.Replace(gps, []byte("SECRET!"), []byte("GPS4711"), 1)
	script := []byte("<script>alert('4711')</script>")
	zip := []byte("PK\x03\x04 4711 PK\x05\x06")
	moving := &gif.GIF{}
	for i := range 20 {
		frame := image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.Black, color.White})
		if i > 0 {
			draw.Draw(frame, frame.Bounds(), image.White, image.Point{}, draw.Src)
		}
		moving.Image, moving.Delay = append(moving.Image, frame), append(moving.Delay, 1)
	}
	var animation bytes.Buffer
	must(t, gif.EncodeAll(&animation, moving))
	for name, raw := range map[string][]byte{
		"place":             gps,
		"page after it":     append(picture(t, 64, 64), script...),
		"page in a comment": bytes.Replace(gps, []byte("GPS4711"), []byte("<b>4711"), 1),
		"archive after it":  append(picture(t, 64, 64), zip...),
		"animation":         append(animation.Bytes(), script...),
	} {
		sizes, mediaType, err := renderPhoto(raw)
		must(t, err)
		for size, out := range sizes {
			if bytes.Contains(out, []byte("4711")) || bytes.Contains(out, []byte("Exif")) || bytes.HasPrefix(out, []byte("GIF")) {
				t.Errorf("%s: more than pixels got through as %s", name, mediaType)
			}
			img, _, err := image.Decode(bytes.NewReader(out))
			must(t, err)
			if r, _, _, _ := img.At(size/2, size/2).RGBA(); name == "animation" && r > 0x1000 {
				t.Errorf("%s: it is not the first picture", name)
			}
		}
	}
}

func TestExifThatIsBrokenSaysNothing(t *testing.T) {
	t.Parallel()
	whole := exifJPEG(t, 6, binary.BigEndian)
	for n := range 60 {
		exifOrientation(whole[:n]) // must not panic
	}
	if got := exifOrientation(whole); got != 6 {
		t.Errorf("orientation %d, want 6", got)
	}
}

// bomb is a PNG that says it is very large.
func bomb(t testing.TB, w, h uint32) []byte {
	t.Helper()
	raw := picture(t, 64, 64)
	header := raw[12:29] // IHDR and its data
	binary.BigEndian.PutUint32(header[4:], w)
	binary.BigEndian.PutUint32(header[8:], h)
	binary.BigEndian.PutUint32(raw[29:], crc32.ChecksumIEEE(header))
	return raw
}

// gifBomb says in six bytes that it has 4 gigapixels.
var gifBomb = []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00;")

// webpBomb is a WebP file with a canvas of a size and in it a lossless picture
// (RFC 9649) that says it has 16384 by 16384 pixels.
func webpBomb(w, h uint32) []byte {
	canvas := []byte{0, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), byte((w - 1) >> 16), byte(h - 1), byte((h - 1) >> 8), byte((h - 1) >> 16)}
	picture := binary.LittleEndian.AppendUint32([]byte{0x2f}, 16383|16383<<14)
	chunk := func(id string, content []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(content)))
		return append(append(b, content...), make([]byte, len(content)%2)...)
	}
	return chunk("RIFF", append(append([]byte("WEBP"), chunk("VP8X", canvas)...), chunk("VP8L", picture)...))
}

// jpegOf is a JPEG file whose frame header has another marker and size.
func jpegOf(t testing.TB, marker byte, w, h uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, quarter(64, 64), nil))
	raw := b.Bytes()
	at := bytes.Index(raw, []byte{0xFF, markerSOF0, 0, 17, 8})
	raw[at+1] = marker
	binary.BigEndian.PutUint16(raw[at+5:], h)
	binary.BigEndian.PutUint16(raw[at+7:], w)
	return raw
}

func TestPhotosThatAreNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw  []byte
		code string
	}{
		"svg":          {[]byte("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), "photo_unreadable"},
		"svg in XML":   {[]byte("<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>"), "photo_unreadable"},
		"html":         {[]byte("<html><script>alert(1)</script>"), "photo_unreadable"},
		"pdf":          {[]byte("%PDF-1.7\n"), "photo_unreadable"},
		"zip":          {[]byte("PK\x03\x04\x14\x00"), "photo_unreadable"},
		"tiff":         {[]byte("II\x2a\x00\x08\x00\x00\x00"), "photo_unreadable"},
		"no frame":     {[]byte("GIF89a\x40\x00\x40\x00\x00\x00\x00\x3b"), "photo_unreadable"},
		"gif bomb":     {gifBomb, "photo_too_large"},
		"webp bomb":    {webpBomb(16383, 16383), "photo_too_large"},
		"webp canvas":  {webpBomb(64, 64), "photo_unreadable"},
		"huge jpeg":    {jpegOf(t, markerSOF0, 12_000, 12_000), "photo_too_large"},
		"progressive":  {jpegOf(t, 0xC2, 4_000, 4_000), "photo_too_large"},
		"zero":         {bomb(t, 0, 0), "photo_unreadable"},
		"empty":        {nil, "photo_unreadable"},
		"cut off":      {picture(t, 64, 64)[:100], "photo_unreadable"},
		"wide bomb":    {bomb(t, 1<<30, 40), "photo_too_large"},
		"square bomb":  {bomb(t, 11_000, 11_000), "photo_too_large"},
		"of one pixel": {picture(t, 1, 1), "photo_too_small"},
	} {
		_, _, err := renderPhoto(c.raw)
		if t.Run(name, func(t *testing.T) { wantCode(t, err, c.code) }); t.Failed() {
			return
		}
	}
}

func TestAPhotoReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	first, err := f.UploadPhoto(ctx, id, bytes.NewReader(picture(t, 100, 200)))
	must(t, err)
	transparent := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	var b bytes.Buffer
	must(t, png.Encode(&b, transparent))
	second, err := f.UploadPhoto(ctx, id, &b)
	must(t, err)
	if second.ID == first.ID || second.MediaType != "image/png" {
		t.Errorf("the second photo is %+v", second)
	}
	photo, content, length, err := f.GetPhoto(ctx, id, 128)
	must(t, err)
	raw, err := io.ReadAll(content)
	must(t, err)
	must(t, content.Close())
	if cfg, format, err := image.DecodeConfig(bytes.NewReader(raw)); err != nil || format != "png" || cfg.Width != 128 || int64(len(raw)) != length || photo.ID != second.ID {
		t.Errorf("what is downloaded is %s %v of %d bytes: %v", format, cfg, len(raw), err)
	}
	if _, err := f.Files.Stat(ctx, photoKey(id, first.ID, 512)); err == nil {
		t.Error("the first photo is still in the bucket")
	}
	must(t, f.RemovePhoto(ctx, id))
	must(t, f.RemovePhoto(ctx, id))
	_, _, _, err = f.GetPhoto(ctx, id, 512)
	wantCode(t, err, "photo_not_found")
	_, err = f.UploadPhoto(ctx, newID(), bytes.NewReader(picture(t, 64, 64)))
	wantCode(t, err, "profile_not_found")
	_, err = f.UploadPhoto(ctx, id, io.LimitReader(zeros{}, maxPhotoBytes+1))
	wantCode(t, err, "photo_too_large")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
