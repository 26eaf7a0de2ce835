package user

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strconv"
	"time"

	_ "image/gif" // a decoder by content

	"github.com/google/uuid"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // a decoder by content

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

const (
	maxPhotoBytes  = 5 << 20
	maxPhotoPixels = 40_000_000 // 160 MB decoded
	maxProgressive = 10_000_000 // pixels of a progressive JPEG, whose coefficients are held too: 15 bytes each
	maxPhotoSide   = 12_000
	minPhotoSide   = 32
	photosAtOnce   = 2 // decoded in this process
	jpegQuality    = 88
)

// PhotoSizes are the widths and heights in pixels that photos are kept in.
var PhotoSizes = []int{512, 128}

// Photo is a user's picture.
type Photo struct {
	ID         uuid.UUID `json:"id"`
	URL        string    `json:"url"`
	MediaType  string    `json:"mediaType"`
	UploadedAt time.Time `json:"uploadedAt"`
}

var (
	errPhotoNotFound    = errs.New(errs.NotFound, "photo_not_found", "This profile has no photo.")
	errPhotoLarge       = errs.New(errs.TooLarge, "photo_too_large", "A photo has at most 5 MB and 40 megapixels. Make it smaller, then upload it again.")
	errPhotoProgressive = errs.New(errs.TooLarge, "photo_too_large", "A progressive JPEG has at most 10 megapixels. Save it without that option, or smaller, then upload it again.")
	errPhotoFormat      = errs.New(errs.Unprocessable, "photo_unreadable", "This is not a picture that can be read. Upload a JPEG, PNG, WebP or GIF file.")
	errPhotoSmall       = errs.New(errs.Unprocessable, "photo_too_small", "A photo has at least 32 pixels each way.")
)

func photoOf(r db.UserProfile) *Photo {
	if r.PhotoID == nil {
		return nil
	}
	return &Photo{ID: *r.PhotoID, URL: "/api/v1/users/" + r.UserID.String() + "/photo", MediaType: *r.PhotoType, UploadedAt: r.PhotoUploadedAt.UTC()}
}

func photoKey(user, photo uuid.UUID, size int) string {
	return "photos/" + user.String() + "/" + photo.String() + "/" + strconv.Itoa(size)
}

// UploadPhoto takes a picture, whatever it is called, makes the sizes that are
// kept of it, and puts them in the place of the ones before.
func (s *Service) UploadPhoto(ctx context.Context, user uuid.UUID, r io.Reader) (Photo, error) {
	if _, _, err := s.GetProfile(ctx, user); err != nil {
		return Photo{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxPhotoBytes+1))
	if err != nil {
		return Photo{}, errs.New(errs.Invalid, "body_incomplete", "The body ended too early. Send the request again.").With(err)
	}
	if len(raw) > maxPhotoBytes {
		return Photo{}, errPhotoLarge
	}
	select {
	case s.photos <- struct{}{}:
		defer func() { <-s.photos }()
	case <-ctx.Done():
		return Photo{}, ctx.Err()
	}
	sizes, mediaType, err := renderPhoto(raw)
	if err != nil {
		return Photo{}, err
	}
	id := newID()
	var keys []string
	for size, content := range sizes {
		key := photoKey(user, id, size)
		if _, err := s.Files.Put(ctx, key, bytes.NewReader(content), blob.PutOptions{ContentType: mediaType}); err != nil {
			return Photo{}, errors.Join(errStorage.With(err), s.dropFiles(ctx, user, append(keys, key)))
		}
		keys = append(keys, key)
	}
	err = s.change(ctx, user, func(t *tx) error {
		if err := t.dropPhoto(ctx); err != nil {
			return err
		}
		t.touch("photo")
		return t.ProfileSetPhoto(ctx, db.ProfileSetPhotoParams{UserID: user, PhotoID: &id, PhotoType: &mediaType, UploadedAt: &t.now, Now: t.now})
	})
	if err != nil { // nothing refers to the new files
		return Photo{}, errors.Join(err, s.dropFiles(ctx, user, keys))
	}
	p, _, err := s.GetProfile(ctx, user)
	if err == nil && p.Photo == nil {
		err = errPhotoNotFound // removed meanwhile
	}
	if err != nil {
		return Photo{}, err
	}
	return *p.Photo, nil
}

var errStorage = errs.New(errs.Unavailable, "storage_unavailable", "Files cannot be stored at the moment. Try again in a few seconds.").
	WithRetryAfter(2 * time.Second)

// dropFiles notes files that were written for nothing.
func (s *Service) dropFiles(ctx context.Context, user uuid.UUID, keys []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.q.FilesDrop(ctx, db.FilesDropParams{Keys: keys, UserID: user, Now: s.now()})
}

// dropPhoto notes the files of the present photo for deletion.
func (t *tx) dropPhoto(ctx context.Context) error {
	if t.row.PhotoID == nil {
		return nil
	}
	t.files = true
	var keys []string
	for _, size := range PhotoSizes {
		keys = append(keys, photoKey(t.user, *t.row.PhotoID, size))
	}
	return t.FilesDrop(ctx, db.FilesDropParams{Keys: keys, UserID: t.user, Now: t.now})
}

// RemovePhoto removes the photo, if there is one.
func (s *Service) RemovePhoto(ctx context.Context, user uuid.UUID) error {
	return s.change(ctx, user, func(t *tx) error {
		if t.row.PhotoID == nil {
			return nil
		}
		t.touch("photo")
		return errors.Join(t.dropPhoto(ctx), t.ProfileSetPhoto(ctx, db.ProfileSetPhotoParams{UserID: t.user, Now: t.now}))
	})
}

// GetPhoto opens the photo in one of [PhotoSizes]; its id is its version.
func (s *Service) GetPhoto(ctx context.Context, user uuid.UUID, size int) (Photo, io.ReadCloser, int64, error) {
	p, _, err := s.GetProfile(ctx, user)
	if err != nil {
		return Photo{}, nil, 0, err
	}
	if p.Photo == nil {
		return Photo{}, nil, 0, errPhotoNotFound
	}
	content, info, err := s.Files.Get(ctx, photoKey(user, p.Photo.ID, size), blob.Range{})
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return Photo{}, nil, 0, errPhotoNotFound
	case err != nil:
		return Photo{}, nil, 0, errStorage.With(err)
	}
	return *p.Photo, content, info.Size, nil
}

// renderPhoto reads a picture and writes it anew, square, in the sizes that are
// kept: as JPEG, or as PNG where it is transparent. Nothing but the pixels of the
// (first) picture gets through.
func renderPhoto(raw []byte) (sizes map[int][]byte, mediaType string, err error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(raw))
	switch {
	case err != nil:
		return nil, "", errPhotoFormat.With(err)
	case cfg.Width > maxPhotoSide || cfg.Height > maxPhotoSide || cfg.Width*cfg.Height > maxPhotoPixels:
		return nil, "", errPhotoLarge
	case format == "jpeg" && cfg.Width*cfg.Height > maxProgressive && progressive(raw):
		return nil, "", errPhotoProgressive
	case cfg.Width < minPhotoSide || cfg.Height < minPhotoSide:
		return nil, "", errPhotoSmall
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, "", errPhotoFormat.With(err)
	}
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	square := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	orientation := 1
	if format == "jpeg" {
		orientation = exifOrientation(raw)
	}
	sizes = map[int][]byte{}
	for i, size := range PhotoSizes {
		small := image.NewNRGBA(image.Rect(0, 0, size, size))
		draw.CatmullRom.Scale(small, small.Bounds(), img, square, draw.Src, nil)
		small = orient(small, orientation)
		if i == 0 {
			if mediaType = "image/jpeg"; !small.Opaque() {
				mediaType = "image/png"
			}
			img, square, orientation = small, small.Bounds(), 1 // the smaller ones are made of the largest
		}
		var out bytes.Buffer
		if mediaType == "image/png" {
			err = png.Encode(&out, small)
		} else {
			err = jpeg.Encode(&out, small, &jpeg.Options{Quality: jpegQuality})
		}
		if err != nil {
			return nil, "", fmt.Errorf("user: encode photo: %w", err)
		}
		sizes[size] = out.Bytes()
	}
	return sizes, mediaType, nil
}

// orient turns and mirrors a square picture as an EXIF orientation says (CIPA
// DC-008, tag 0x0112), 1 to 8.
func orient(in *image.NRGBA, orientation int) *image.NRGBA {
	if orientation < 2 || orientation > 8 {
		return in
	}
	n := in.Bounds().Dx()
	out := image.NewNRGBA(in.Bounds())
	for y := range n {
		for x := range n {
			sx, sy := x, y
			if orientation >= 5 { // rows are columns
				sx, sy = sy, sx
			}
			if o := orientation; o == 2 || o == 3 || o == 7 || o == 8 {
				sx = n - 1 - sx
			}
			if o := orientation; o == 3 || o == 4 || o == 6 || o == 7 {
				sy = n - 1 - sy
			}
			out.SetNRGBA(x, y, in.NRGBAAt(sx, sy))
		}
	}
	return out
}
