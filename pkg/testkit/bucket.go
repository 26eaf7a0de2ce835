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
func BucketConfig(t testing.TB) blob.Config {
	t.Helper()
	cfg := blob.Config{
		Endpoint: Env(t, "S3_ENDPOINT"), AccessKeyID: Env(t, "S3_ACCESS_KEY_ID"), SecretAccessKey: Env(t, "S3_SECRET_ACCESS_KEY"),
		Region: Env(t, "S3_REGION"), Bucket: "test-" + unique(),
	}
	t.Cleanup(func() { removeBucket(t, cfg) })
	return cfg
}

// Bucket gives the test a bucket of its own, removed when the test ends.
func Bucket(t testing.TB) *blob.Store {
	t.Helper()
	store, err := blob.Open(BucketConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if _, err := store.EnsureBucket(ctx, blob.Policy{}); err != nil {
		t.Fatalf("%v; %s", err, startServers)
	}
	return store
}

func removeBucket(t testing.TB, cfg blob.Config) {
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
				t.Errorf("empty the test's bucket: %v", err)
				return
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			break
		}
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &cfg.Bucket}); err != nil {
		t.Errorf("remove the test's bucket: %v", err)
	}
}
