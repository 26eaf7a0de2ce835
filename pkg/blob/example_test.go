package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func Example() {
	tb, end := testkit.Example()
	defer end()
	ctx, store := context.Background(), testkit.Bucket(tb)
	info, err := store.Put(ctx, "resumes/42.txt", strings.NewReader("twenty years of Go"), blob.PutOptions{MaxBytes: 1 << 20})
	fmt.Println(info.Size, err)

	body, _, err := store.Get(ctx, "resumes/42.txt", blob.Range{First: 16})
	if err != nil {
		tb.Fatal(err)
	}
	defer body.Close()
	rest, err := io.ReadAll(body)
	fmt.Println(string(rest), err)

	_, err = store.Stat(ctx, "resumes/43.txt")
	fmt.Println(errors.Is(err, blob.ErrNotFound))
	// Output:
	// 18 <nil>
	// Go <nil>
	// true
}
