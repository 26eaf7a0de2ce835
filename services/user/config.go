package main

import (
	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/config"
)

// Config is the environment of user. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// S3Endpoint is any server that speaks S3; empty is AWS.
	S3Endpoint string `env:"S3_ENDPOINT" check:"url=http|https" example:"http://127.0.0.1:7070"`
	// S3Region of the bucket.
	S3Region string `env:"S3_REGION" envDefault:"us-east-1"`
	// S3AccessKeyID may read and write the bucket.
	S3AccessKeyID string `env:"S3_ACCESS_KEY_ID,required,notEmpty" example:"jobpilot"`
	// S3SecretAccessKey belongs to the access key.
	S3SecretAccessKey config.Secret `env:"S3_SECRET_ACCESS_KEY,required,notEmpty" example:"<secret>"`
	// S3Bucket keeps photos.
	S3Bucket string `env:"S3_BUCKET_USER_UPLOADS,required,notEmpty" example:"jobpilot-user-uploads-prod"`
}

func (c *Config) bucket() blob.Config {
	return blob.Config{
		Endpoint: c.S3Endpoint, Region: c.S3Region, AccessKeyID: c.S3AccessKeyID,
		SecretAccessKey: c.S3SecretAccessKey.Reveal(), Bucket: c.S3Bucket,
	}
}
