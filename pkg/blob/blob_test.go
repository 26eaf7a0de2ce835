package blob_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func content(tb testing.TB, size int) []byte {
	tb.Helper()
	seed := [32]byte{}
	rng := testkit.Rand(tb)
	for i := range seed {
		seed[i] = byte(rng.Uint32())
	}
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

func get(tb testing.TB, store *blob.Store, key string, part blob.Range) []byte {
	tb.Helper()
	body, info, err := store.Get(tb.Context(), key, part)
	if err != nil {
		tb.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil || int64(len(b)) != info.Size {
		tb.Fatalf("%d bytes, Info says %d, %v", len(b), info.Size, err)
	}
	return b
}

func TestRoundTripOfEverySize(t *testing.T) {
	t.Parallel()
	store := testkit.Bucket(t)
	for _, size := range []int{0, 1, blob.PartSize - 1, blob.PartSize, blob.PartSize + 1, 2*blob.PartSize + 77} {
		want := content(t, size)
		// A reader that tells no length and gives a little at a time.
		r := iotest.HalfReader(bytes.NewReader(want))
		info, err := store.Put(t.Context(), "file", r, blob.PutOptions{ContentType: "application/pdf"})
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		sum := sha256.Sum256(want)
		if info.Size != int64(size) || !bytes.Equal(info.SHA256, sum[:]) || info.VersionID == "" {
			t.Errorf("size %d: %+v", size, info)
		}
		if !bytes.Equal(get(t, store, "file", blob.Range{}), want) {
			t.Errorf("size %d comes back different", size)
		}
		if info, err := store.Stat(t.Context(), "file"); err != nil || info.Size != int64(size) || info.ContentType != "application/pdf" {
			t.Errorf("size %d: Stat %+v, %v", size, info, err)
		}
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	store := testkit.Bucket(t)
	if _, err := store.Put(t.Context(), "digits", strings.NewReader("0123456789"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[blob.Range]string{
		{}: "0123456789", {First: 3}: "3456789", {First: 3, Length: 2}: "34", {First: 8, Length: 100}: "89", {Length: 1}: "0",
	} {
		if got := get(t, store, "digits", part); string(got) != want {
			t.Errorf("%+v: %q, want %q", part, got, want)
		}
	}
	if _, _, err := store.Get(t.Context(), "digits", blob.Range{First: 10}); !errors.Is(err, blob.ErrRange) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestNothingIsKeptOfAFailedUpload(t *testing.T) {
	t.Parallel()
	store := testkit.Bucket(t)
	broken := errors.New("connection lost")
	sum := sha256.Sum256([]byte("another content"))
	for name, c := range map[string]struct {
		r    io.Reader
		opts blob.PutOptions
		want error
	}{
		"small, too large":   {bytes.NewReader(make([]byte, 11)), blob.PutOptions{MaxBytes: 10}, blob.ErrTooLarge},
		"parts, too large":   {bytes.NewReader(make([]byte, 2*blob.PartSize)), blob.PutOptions{MaxBytes: blob.PartSize + 10}, blob.ErrTooLarge},
		"small, broken off":  {iotest.ErrReader(broken), blob.PutOptions{}, broken},
		"parts, broken off":  {io.MultiReader(bytes.NewReader(make([]byte, blob.PartSize+1)), iotest.ErrReader(broken)), blob.PutOptions{}, broken},
		"small, another sum": {strings.NewReader("content"), blob.PutOptions{SHA256: sum[:]}, nil},
		"parts, another sum": {bytes.NewReader(make([]byte, blob.PartSize+1)), blob.PutOptions{SHA256: sum[:]}, nil},
	} {
		_, err := store.Put(t.Context(), name, c.r, c.opts)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := store.Stat(t.Context(), name); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s: something is there: %v", name, err)
		}
	}
}

func TestNotFoundAndDelete(t *testing.T) {
	t.Parallel()
	store := testkit.Bucket(t)
	if _, _, err := store.Get(t.Context(), "none", blob.Range{}); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if err := store.Delete(t.Context(), "none"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	if _, err := store.Put(t.Context(), "some", strings.NewReader("x"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), "some"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Get(t.Context(), "some", blob.Range{}); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
}

func do(tb testing.TB, method, url, contentType, body string) (status int, answer string, header http.Header) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func TestPresign(t *testing.T) {
	t.Parallel()
	store := testkit.Bucket(t)
	url, err := store.PresignPut(t.Context(), "up", "text/plain", 5, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ contentType, body string }{
		"longer": {"text/plain", "123456"}, "shorter": {"text/plain", "1234"}, "another type": {"text/html", "12345"},
	} {
		if status, _, _ := do(t, http.MethodPut, url, c.contentType, c.body); status != http.StatusForbidden && status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, status)
		}
	}
	if status, answer, _ := do(t, http.MethodPut, url, "text/plain", "12345"); status != http.StatusOK {
		t.Fatalf("status %d %s", status, answer)
	}
	url, err = store.PresignGet(t.Context(), "up", "Lebenslauf – Äpfel.txt", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	status, body, header := do(t, http.MethodGet, url, "", "")
	if status != http.StatusOK || body != "12345" || !strings.Contains(header.Get("Content-Disposition"), "filename*=utf-8''Lebenslauf") {
		t.Errorf("status %d, body %q, %v", status, body, header)
	}
	for _, ttl := range []time.Duration{0, -1, blob.MaxPresign + 1} {
		if _, err := store.PresignGet(t.Context(), "up", "", ttl); err == nil {
			t.Errorf("a URL for %v", ttl)
		}
	}
}

func TestEnsureBucketAgain(t *testing.T) {
	t.Parallel()
	store, err := blob.Open(testkit.BucketConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ready(t.Context()); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("ready before: %v", err)
	}
	for range 2 {
		lacking, err := store.EnsureBucket(t.Context(), blob.Policy{Expire: 48 * time.Hour, ExpireOld: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("this server lacks %v", lacking)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
