package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Policy is what a bucket does on its own.
type Policy struct {
	// Expire deletes files so long after they were written. Zero: never. Whole
	// days.
	Expire time.Duration
	// ExpireOld deletes what was overwritten or deleted so long ago. Zero: never.
	// Whole days.
	ExpireOld time.Duration
}

// EnsureBucket makes the bucket if it is missing, and sees to it that it keeps
// versions, encrypts what it stores, drops what was never finished after a day,
// and follows policy. Not every server does all of it: lacking names what this
// one refused as unknown.
func (s *Store) EnsureBucket(ctx context.Context, policy Policy) (lacking []string, err error) {
	_, err = s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &s.bucket})
	var there *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &there) {
		return nil, fmt.Errorf("blob: make bucket %s: %w", s.bucket, err)
	}
	for _, feature := range []struct {
		name string
		set  func() error
	}{
		{"versions", func() error {
			_, err := s.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &s.bucket,
				VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
			return err
		}},
		{"encryption", func() error {
			_, err := s.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &s.bucket,
				ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
					Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
						SSEAlgorithm: types.ServerSideEncryptionAes256}}}}})
			return err
		}},
		{"lifecycle", func() error {
			_, err := s.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: &s.bucket,
				LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{policy.rule()}}})
			return err
		}},
	} {
		if err := feature.set(); unknown(err) {
			lacking = append(lacking, feature.name)
		} else if err != nil {
			return lacking, fmt.Errorf("blob: set %s of bucket %s: %w", feature.name, s.bucket, err)
		}
	}
	return lacking, nil
}

func (p Policy) rule() types.LifecycleRule {
	days := func(d time.Duration) *int32 { return aws.Int32(int32(d / (24 * time.Hour))) }
	rule := types.LifecycleRule{
		ID: aws.String("jobpilot"), Status: types.ExpirationStatusEnabled,
		Filter:                         &types.LifecycleRuleFilter{Prefix: aws.String("")},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)},
	}
	if p.Expire > 0 {
		rule.Expiration = &types.LifecycleExpiration{Days: days(p.Expire)}
	}
	if p.ExpireOld > 0 {
		rule.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: days(p.ExpireOld)}
	}
	return rule
}

func unknown(err error) bool {
	var api smithy.APIError
	var res *awshttp.ResponseError
	return errors.As(err, &api) && (api.ErrorCode() == "NotImplemented" || api.ErrorCode() == "MethodNotAllowed") ||
		errors.As(err, &res) && res.HTTPStatusCode() == http.StatusNotImplemented
}
