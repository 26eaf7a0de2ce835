package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const s3Region = "us-east-1"

// bucketKinds are the specification's buckets; an instance's bucket is
// jobpilot-<kind>-<instance>.
var bucketKinds = []string{"resumes", "user-uploads", "exports", "backups"}

func bucketName(kind, instance string) string { return "jobpilot-" + kind + "-" + instance }

// s3Client signs the few requests that prepare buckets.
type s3Client struct {
	endpoint string
	keys     aws.Credentials
}

func (b backend) s3Client() s3Client {
	return s3Client{"http://" + b.s3, aws.Credentials{
		AccessKeyID: b.secrets["S3_ACCESS_KEY_ID"], SecretAccessKey: b.secrets["S3_SECRET_ACCESS_KEY"],
	}}
}

// do sends one request and returns the status of the answer; an answer other
// than 2xx is an error too.
func (c s3Client) do(ctx context.Context, method, path string, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", payload)
	if err := v4.NewSigner().SignHTTP(ctx, c.keys, req, payload, "s3", s3Region, time.Now()); err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("S3 answers %s %s: %s", method, path, strings.TrimSpace(res.Status+" "+string(answer)))
	}
	return res.StatusCode, err
}

// makeBuckets makes an instance's buckets, versioned as in production.
func (c s3Client) makeBuckets(ctx context.Context, instance string) error {
	const versioned = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`
	for _, kind := range bucketKinds {
		path := "/" + bucketName(kind, instance)
		if status, err := c.do(ctx, http.MethodHead, path, nil); err == nil {
			continue
		} else if status != http.StatusNotFound {
			return err
		}
		if _, err := c.do(ctx, http.MethodPut, path, nil); err != nil {
			return err
		}
		if _, err := c.do(ctx, http.MethodPut, path+"?versioning", []byte(versioned)); err != nil {
			return err
		}
	}
	return nil
}
