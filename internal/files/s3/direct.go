package s3

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/loam-baas/loam/internal/files"
)

var _ files.Direct = (*Storage)(nil)

// pendingPrefix is before the keys of what clients have put and nobody has adopted.
// Its names are hidden: they are no files.
const pendingPrefix = ".pending/"

func (s *Storage) pendingKey(key string) *string {
	return aws.String(s.options.Prefix + pendingPrefix + key)
}

// Grant implements files.Direct.
func (s *Storage) Grant(ctx context.Context, key, contentType string, size int64, expires time.Duration) (files.Grant, error) {
	request, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: s.pendingKey(key), ContentType: &contentType, ContentLength: &size,
		ServerSideEncryption: types.ServerSideEncryption(s.options.Encryption),
	}, s3.WithPresignExpires(expires))
	if err != nil {
		return files.Grant{}, broken(err)
	}
	g := files.Grant{Method: request.Method, URL: request.URL, Headers: make(map[string]string)}
	for name, values := range request.SignedHeader {
		// Clients of HTTP set these themselves.
		if name = strings.ToLower(name); name != "host" && name != "content-length" {
			g.Headers[name] = strings.Join(values, ",")
		}
	}
	return g, nil
}

// Adopt implements files.Direct.
func (s *Storage) Adopt(ctx context.Context, key, name string, size int64, about files.About) error {
	pending := s.pendingKey(key)
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.options.Bucket, Key: pending})
	if err != nil {
		return broken(err)
	}
	if aws.ToInt64(head.ContentLength) != size {
		return files.ErrNotFound
	}
	input := &s3.CopyObjectInput{
		Bucket: &s.options.Bucket, Key: s.key(name),
		CopySource:        aws.String(url.PathEscape(s.options.Bucket) + "/" + (&url.URL{Path: *pending}).EscapedPath()),
		CopySourceIfMatch: head.ETag, // what was looked at
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: encoded(about),
		ServerSideEncryption: types.ServerSideEncryption(s.options.Encryption), StorageClass: types.StorageClass(s.options.StorageClass),
	}
	set(&input.ContentType, about.ContentType)
	set(&input.CacheControl, s.options.CacheControl)
	set(&input.SSEKMSKeyId, s.options.KMSKey)
	if files.ActiveType(about.ContentType) {
		set(&input.ContentDisposition, "attachment")
	}
	if _, err := s.client.CopyObject(ctx, input); err != nil {
		return broken(err)
	}
	_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.options.Bucket, Key: pending})
	return broken(err)
}
