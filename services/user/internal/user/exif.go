package user

import (
	"bytes"
	"encoding/binary"
	"iter"
)

const (
	markerSOF0     = 0xC0 // baseline
	markerSOF1     = 0xC1 // extended sequential
	markerAPP1     = 0xE1
	markerSOS      = 0xDA
	tagOrientation = 0x0112
)

// segments are the marker segments of a JPEG file (ITU-T T.81, annex B) before the
// picture itself, as far as they can be read.
func segments(file []byte) iter.Seq2[byte, []byte] {
	return func(yield func(marker byte, content []byte) bool) {
		for b := file; len(b) > 2; { // SOI has been seen by the decoder
			b = b[2:]
			if len(b) < 4 || b[0] != 0xFF || b[1] == markerSOS {
				return
			}
			size := int(binary.BigEndian.Uint16(b[2:]))
			if size < 2 || len(b) < 2+size || !yield(b[1], b[4:2+size]) {
				return
			}
			b = b[size:] // the marker's own two bytes go with the next round
		}
	}
}

// progressive reports whether a JPEG file is, or cannot be told not to be.
func progressive(file []byte) bool {
	for marker := range segments(file) {
		if marker == markerSOF0 || marker == markerSOF1 {
			return false
		}
	}
	return true
}

// exifOrientation finds the orientation in a JPEG file's EXIF data (CIPA DC-008):
// 1 to 8, and 1 if it says nothing that can be read.
func exifOrientation(file []byte) int {
	for marker, content := range segments(file) {
		if tiff, ok := bytes.CutPrefix(content, []byte("Exif\x00\x00")); ok && marker == markerAPP1 {
			return tiffOrientation(tiff)
		}
	}
	return 1
}

// tiffOrientation looks the tag up in the first directory of a TIFF structure
// (TIFF 6.0, section 2).
func tiffOrientation(b []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if bytes.HasPrefix(b, []byte("II")) {
		order = binary.LittleEndian
	}
	if len(b) < 8 {
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < 12 {
			break
		}
		if order.Uint16(entries) == tagOrientation {
			if n := int(order.Uint16(entries[8:])); n >= 1 && n <= 8 {
				return n
			}
			break
		}
		entries = entries[12:]
	}
	return 1
}
