package testkit

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/jobpilot/jobpilot/pkg/blob"
)

// BucketConfig gives the test a bucket name of its own; the bucket, if the test
// makes it, is removed with all its versions when the test ends.
func BucketConfig(tb testing.TB) blob.Config {
	tb.Helper()
	cfg := blob.Config{
		Endpoint: Env(tb, "S3_ENDPOINT"), AccessKeyID: Env(tb, "S3_ACCESS_KEY_ID"), SecretAccessKey: Env(tb, "S3_SECRET_ACCESS_KEY"),
		Region: Env(tb, "S3_REGION"), Bucket: "test-" + unique(),
	}
	tb.Cleanup(func() { removeBucket(tb, cfg) })
	return cfg
}

// Bucket gives the test a bucket of its own, removed when the test ends.
func Bucket(tb testing.TB) *blob.Store {
	tb.Helper()
	store, err := blob.Open(BucketConfig(tb))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if _, err := store.EnsureBucket(ctx, blob.Policy{}); err != nil {
		tb.Fatalf("%v; %s", err, startServers)
	}
	return store
}

func removeBucket(tb testing.TB, cfg blob.Config) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	client := s3.New(s3.Options{
		Region: cfg.Region, BaseEndpoint: &cfg.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
	})
	for {
		page, err := client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &cfg.Bucket})
		if err != nil {
			return // the test never made it
		}
		var ids []types.ObjectIdentifier
		for _, v := range page.Versions {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, d := range page.DeleteMarkers {
			ids = append(ids, types.ObjectIdentifier{Key: d.Key, VersionId: d.VersionId})
		}
		for _, id := range ids {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &cfg.Bucket, Key: id.Key, VersionId: id.VersionId}); err != nil {
				tb.Errorf("empty the test's bucket: %v", err)
				return
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			break
		}
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &cfg.Bucket}); err != nil {
		tb.Errorf("remove the test's bucket: %v", err)
	}
}
