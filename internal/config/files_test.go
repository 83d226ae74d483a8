package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFilesAdapter(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  FilesAdapter
	}{
		{"a directory", "file:///var/lib/loam/files/", FilesAdapter{Kind: LocalFiles, Dir: "/var/lib/loam/files"}},
		{"GridFS", "gridfs:", FilesAdapter{Kind: GridFS}},
		{"AWS", "s3://b/pre/fix?region=eu-central-1&profile=p&role=arn:aws:iam::1:role/r&delivery=presigned&expires=5m&encryption=aws:kms&kmsKey=k&storageClass=STANDARD_IA&cacheControl=no-store",
			FilesAdapter{Kind: S3, S3: S3Files{Bucket: "b", Prefix: "pre/fix/", Region: "eu-central-1", Profile: "p", Role: "arn:aws:iam::1:role/r", Delivery: DeliveryPresigned,
				Expires: 5 * time.Minute, Encryption: "aws:kms", KMSKey: "k", StorageClass: "STANDARD_IA", CacheControl: "no-store"}}},
		{"a service of its own", "s3://key:secret@b?endpoint=http://minio:9000/", FilesAdapter{Kind: S3, S3: S3Files{Bucket: "b", Region: "us-east-1", Endpoint: "http://minio:9000/",
			PathStyle: true, AccessKeyID: "key", SecretAccessKey: "secret", Delivery: DeliveryProxy, Expires: 15 * time.Minute}}},
		{"a public bucket", "s3://b?region=r&delivery=public", FilesAdapter{Kind: S3, S3: S3Files{Bucket: "b", Region: "r", Delivery: DeliveryPublic, Expires: 15 * time.Minute,
			PublicURL: "https://b.s3.r.amazonaws.com"}}},
		{"Parse Server's S3 adapter", map[string]any{"module": "@parse/s3-files-adapter", "options": map[string]any{
			"bucket": "b", "region": "r", "bucketPrefix": "app/", "directAccess": true, "baseUrl": "https://cdn.example.com/", "globalCacheControl": "public",
			"ServerSideEncryption": "AES256", "presignedUrlExpires": int64(60),
			"s3overrides": map[string]any{"endpoint": "https://s3.example.com", "forcePathStyle": true, "credentials": map[string]any{"accessKeyId": "k", "secretAccessKey": "s"}}}},
			FilesAdapter{Kind: S3, S3: S3Files{Bucket: "b", Prefix: "app/", Region: "r", Endpoint: "https://s3.example.com", PathStyle: true, AccessKeyID: "k", SecretAccessKey: "s",
				Delivery: DeliveryPublic, PublicURL: "https://cdn.example.com", Expires: time.Minute, Encryption: "AES256", CacheControl: "public"}}},
	} {
		got, err := readFilesAdapter(c.value)
		if diff := cmp.Diff(any(c.want), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", c.name, err, diff)
		}
	}
	for _, c := range []struct {
		value any
		why   string
	}{
		{"ftp://host/x", "file:///directory"}, {"file:relative", "absolute"}, {"gridfs://other", "alone"}, {"s3://?region=r", "no bucket"},
		{"s3://b", "neither region nor endpoint"}, {"s3://b?region=r&accesKeyId=x", "accesKeyId"}, {"s3://b?region=r&accessKeyId=x", "without the other"},
		{"s3://b?region=r&expires=8d", "duration"}, {"s3://b?region=r&expires=200h", "seven days"}, {"s3://b?region=r&delivery=pigeon", "proxy, presigned"},
		{"s3://b?endpoint=minio:9000", "endpoint"}, {"./my-adapter.js", "file:///directory"}, {5.0, "must be a URL"},
		{map[string]any{"module": "./my-adapter.js"}, "names no module"},
		{map[string]any{"module": "@parse/s3-files-adapter", "options": map[string]any{"bucket": "b", "generateKey": "f"}}, "generateKey"},
		{map[string]any{"module": "@parse/s3-files-adapter", "options": map[string]any{"bucket": 5.0}}, "no text"},
	} {
		if got, err := readFilesAdapter(c.value); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%v: got %+v, %v; want an error with %q", c.value, got, err, c.why)
		}
	}
}
