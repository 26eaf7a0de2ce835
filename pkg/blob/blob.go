// Package blob keeps files in a bucket of any server that speaks S3. Content is
// streamed both ways; at most one part ([PartSize]) of an upload is in memory.
package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Errors of a [Store].
var (
	ErrNotFound = errors.New("blob: not found")
	ErrTooLarge = errors.New("blob: larger than allowed")
	// ErrRange means that a range begins behind the end of the file.
	ErrRange = errors.New("blob: range not satisfiable")
)

// PartSize of an upload that does not fit one request: 5 MiB is the least that
// S3 takes, and 10,000 parts the most.
const PartSize = 5 << 20

// MaxPresign is the longest time a pre-signed URL may be good for.
const MaxPresign = time.Hour

// Config names a bucket.
type Config struct {
	Endpoint        string // http://host:port; empty: AWS
	Region          string
	AccessKeyID     string
	SecretAccessKey string
	Bucket          string
}

// Store is one bucket. Safe for concurrent use.
type Store struct {
	s3      *s3.Client
	presign *s3.PresignClient
	bucket  string
	parts   sync.Pool
}

// Open returns a store for the bucket. It does not ask the server; see
// [Store.EnsureBucket].
func Open(cfg Config) (*Store, error) {
	if cfg.Bucket == "" || cfg.AccessKeyID == "" || cfg.SecretAccessKey == "" {
		return nil, errors.New("blob: bucket, access key and secret key are needed")
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	client := s3.New(s3.Options{
		Region:      cfg.Region,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
		// Signatures cover the content's SHA-256; further checksums are what not
		// every server knows.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		RetryMaxAttempts:           3,
	}, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = &cfg.Endpoint, true
		}
	})
	return &Store{s3: client, presign: s3.NewPresignClient(client), bucket: cfg.Bucket,
		parts: sync.Pool{New: func() any { return new([PartSize]byte) }}}, nil
}

// Info describes a file.
type Info struct {
	Size        int64
	ContentType string
	ETag        string
	VersionID   string    // empty in a bucket without versions
	Modified    time.Time // not set by Put
	SHA256      []byte    // set by Put only
}

// PutOptions of [Store.Put].
type PutOptions struct {
	ContentType string
	// MaxBytes, if set, ends the upload of more with [ErrTooLarge]; nothing is
	// kept.
	MaxBytes int64
	// SHA256, if set, is what the content must have; nothing is kept otherwise.
	SHA256 []byte
}

// Put stores what r gives under key, whatever its length. After an error the
// file is as it was before.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, opts PutOptions) (Info, error) {
	in := &measured{r: r, sum: sha256.New(), max: opts.MaxBytes}
	buffer := s.parts.Get().(*[PartSize]byte)
	defer s.parts.Put(buffer)

	n, err := io.ReadFull(in, buffer[:])
	if err != nil && !ended(err) {
		return Info{}, fmt.Errorf("blob: put %s: read: %w", key, err)
	}
	info := Info{ContentType: opts.ContentType}
	if err == nil {
		err = s.putParts(ctx, key, in, buffer, &info, opts)
	} else {
		err = s.putOne(ctx, key, in, buffer[:n], &info, opts)
	}
	if err != nil {
		return Info{}, fmt.Errorf("blob: put %s: %w", key, err)
	}
	info.Size, info.SHA256 = in.n, in.sum.Sum(nil)
	return info, nil
}

func (s *Store) putOne(ctx context.Context, key string, in *measured, body []byte, info *Info, opts PutOptions) error {
	if err := in.check(opts); err != nil {
		return err
	}
	out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		ContentType: optional(opts.ContentType),
	})
	if err != nil {
		return err
	}
	info.ETag, info.VersionID = aws.ToString(out.ETag), aws.ToString(out.VersionId)
	return nil
}

// putParts uploads a first, full buffer and what follows as one multipart
// upload, and leaves nothing behind when it fails.
func (s *Store) putParts(ctx context.Context, key string, in *measured, buffer *[PartSize]byte, info *Info, opts PutOptions) (err error) {
	upload, err := s.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, ContentType: optional(opts.ContentType),
	})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = s.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: upload.UploadId})
	}()

	var parts []types.CompletedPart
	for body, last := buffer[:], false; ; {
		number := aws.Int32(int32(len(parts) + 1))
		part, err := s.s3.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &s.bucket, Key: &key, UploadId: upload.UploadId, PartNumber: number,
			Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{ETag: part.ETag, PartNumber: number})
		if last {
			break
		}
		n, err := io.ReadFull(in, buffer[:])
		if last = ended(err); err != nil && !last {
			return fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			break
		}
		body = buffer[:n]
	}
	if err := in.check(opts); err != nil {
		return err
	}
	out, err := s.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return err
	}
	info.ETag, info.VersionID = aws.ToString(out.ETag), aws.ToString(out.VersionId)
	return nil
}

// ended tells the end of the content from a fault of its source.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// measured counts and hashes what is read, up to a limit.
type measured struct {
	r   io.Reader
	sum hash.Hash
	n   int64
	max int64
}

func (m *measured) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.n += int64(n)
	m.sum.Write(b[:n])
	if m.max > 0 && m.n > m.max {
		return n, ErrTooLarge
	}
	return n, err
}

func (m *measured) check(opts PutOptions) error {
	if opts.SHA256 != nil && !bytes.Equal(opts.SHA256, m.sum.Sum(nil)) {
		return errors.New("the content does not have the SHA-256 it should have")
	}
	return nil
}

// Range is a part of a file: Length bytes from First, or all from First if
// Length is 0.
type Range struct{ First, Length int64 }

// Get opens a file, or the given range of it. The caller closes the body. Info
// tells the size of what is read.
func (s *Store) Get(ctx context.Context, key string, part Range) (io.ReadCloser, Info, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}
	switch {
	case part.Length > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", part.First, part.First+part.Length-1))
	case part.First > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", part.First))
	}
	out, err := s.s3.GetObject(ctx, in)
	if err != nil {
		return nil, Info{}, fmt.Errorf("blob: get %s: %w", key, classify(err))
	}
	return out.Body, Info{
		Size: aws.ToInt64(out.ContentLength), ContentType: aws.ToString(out.ContentType), ETag: aws.ToString(out.ETag),
		VersionID: aws.ToString(out.VersionId), Modified: aws.ToTime(out.LastModified),
	}, nil
}

// Stat describes a file without its content.
func (s *Store) Stat(ctx context.Context, key string) (Info, error) {
	out, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return Info{}, fmt.Errorf("blob: stat %s: %w", key, classify(err))
	}
	return Info{
		Size: aws.ToInt64(out.ContentLength), ContentType: aws.ToString(out.ContentType), ETag: aws.ToString(out.ETag),
		VersionID: aws.ToString(out.VersionId), Modified: aws.ToTime(out.LastModified),
	}, nil
}

// Delete removes a file; one that does not exist is no error. A bucket with
// versions keeps the content until its lifecycle ends it.
func (s *Store) Delete(ctx context.Context, key string) error {
	_, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	if err = classify(err); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("blob: delete %s: %w", key, err)
	}
	return nil
}

// Ready is a readiness check: the bucket can be reached.
func (s *Store) Ready(ctx context.Context) error {
	if _, err := s.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket}); err != nil {
		return fmt.Errorf("blob: bucket %s: %w", s.bucket, classify(err))
	}
	return nil
}

// PresignGet returns a URL that anyone may download the file with for the given
// time, at most [MaxPresign]. With a filename browsers save it under that name.
func (s *Store) PresignGet(ctx context.Context, key, filename string, ttl time.Duration) (string, error) {
	if ttl <= 0 || ttl > MaxPresign {
		return "", fmt.Errorf("blob: a pre-signed URL is good for at most %v", MaxPresign)
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}
	if filename != "" {
		in.ResponseContentDisposition = aws.String(mime.FormatMediaType("attachment", map[string]string{"filename": filename}))
	}
	req, err := s.presign.PresignGetObject(ctx, in, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", fmt.Errorf("blob: presign %s: %w", key, err)
	}
	return req.URL, nil
}

// PresignPut returns a URL to upload the file with for the given time, at most
// [MaxPresign]: exactly size bytes of the given content type, which the client
// must send as Content-Type.
func (s *Store) PresignPut(ctx context.Context, key, contentType string, size int64, ttl time.Duration) (string, error) {
	if ttl <= 0 || ttl > MaxPresign {
		return "", fmt.Errorf("blob: a pre-signed URL is good for at most %v", MaxPresign)
	}
	if size <= 0 || contentType == "" {
		return "", errors.New("blob: a pre-signed upload needs size and content type")
	}
	req, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, ContentType: &contentType, ContentLength: &size,
	}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", fmt.Errorf("blob: presign %s: %w", key, err)
	}
	return req.URL, nil
}

func classify(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "NoSuchKey", "NotFound", "NoSuchBucket", "NoSuchVersion":
		return fmt.Errorf("%w (%s)", ErrNotFound, api.ErrorCode())
	case "InvalidRange":
		return ErrRange
	}
	return err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
