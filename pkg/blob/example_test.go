package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func Example() {
	testkit.Example(func(t testing.TB) {
		ctx, store := context.Background(), testkit.Bucket(t)
		info, err := store.Put(ctx, "resumes/42.txt", strings.NewReader("twenty years of Go"), blob.PutOptions{MaxBytes: 1 << 20})
		fmt.Println(info.Size, err)

		body, _, err := store.Get(ctx, "resumes/42.txt", blob.Range{First: 16})
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		end, err := io.ReadAll(body)
		fmt.Println(string(end), err)

		_, err = store.Stat(ctx, "resumes/43.txt")
		fmt.Println(errors.Is(err, blob.ErrNotFound))
	})
	// Output:
	// 18 <nil>
	// Go <nil>
	// true
}
