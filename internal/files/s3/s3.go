// Package s3 keeps files in a bucket of Amazon S3 or of any service that speaks
// its protocol, as Parse Server's S3 adapter does: the key of a file is its name
// behind a prefix.
package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	transfertypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// Options say where the bucket is, and how to reach it.
type Options struct {
	Bucket string
	// Prefix comes before names in keys; it usually ends in a slash.
	Prefix string
	Region string
	// Endpoint is the service's URL; "" is AWS's for the region.
	Endpoint string
	// PathStyle has the bucket in the path of URLs rather than in the host's name.
	PathStyle bool
	// Profile, or the static credentials, or what the AWS SDK finds by itself if
	// there are none: environment, shared files, the machine's or container's role.
	// Role is assumed with them, if it isn't "".
	Profile, AccessKeyID, SecretAccessKey, SessionToken, Role string
	// Presigned has clients read files from the bucket by URLs that are good for
	// the time Expires.
	Presigned bool
	Expires   time.Duration
	// Encryption is AES256, aws:kms or aws:kms:dsse; "" is the bucket's default.
	Encryption, KMSKey         string
	StorageClass, CacheControl string
}

// An upload has up to inFlight parts of partSize bytes in memory. S3 takes 10,000
// parts at most, which makes 48 GiB.
const (
	partSize = 5 << 20
	inFlight = 3
)

// Storage is a bucket as files.Storage. A file is there when all its parts are:
// S3 shows nothing of an upload before.
type Storage struct {
	options  Options
	client   *s3.Client
	presign  *s3.PresignClient
	transfer *transfermanager.Client
}

var (
	_ files.Storage = (*Storage)(nil)
	_ files.Linker  = (*Storage)(nil)
)

// Open returns the storage in a bucket. It asks the service nothing.
func Open(ctx context.Context, o Options) (*Storage, error) {
	load := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(o.Region)}
	if o.Profile != "" {
		load = append(load, awsconfig.WithSharedConfigProfile(o.Profile))
	}
	if o.AccessKeyID != "" {
		load = append(load, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey, o.SessionToken)))
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if o.Role != "" {
		c.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), o.Role))
	}
	client := s3.NewFromConfig(c, func(s *s3.Options) {
		s.UsePathStyle = o.PathStyle
		if o.Endpoint != "" {
			s.BaseEndpoint = aws.String(o.Endpoint)
			// Services other than AWS's know the newer checksums in part only.
			s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	})
	transfer := transfermanager.New(client, func(t *transfermanager.Options) {
		t.PartSizeBytes, t.MultipartUploadThreshold, t.Concurrency = partSize, partSize, inFlight
		t.FailTimeout = time.Minute // to let go of the parts though the request has ended
		if o.Endpoint != "" {
			t.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		}
	})
	return &Storage{options: o, client: client, presign: s3.NewPresignClient(client), transfer: transfer}, nil
}

func (s *Storage) key(name string) *string { return aws.String(s.options.Prefix + name) }

// The user-defined metadata in which Loam keeps a file's own, as base64 of JSON:
// S3 takes ASCII only, and no more than 2 KB.
const (
	metadataKey = "loam-metadata"
	tagsKey     = "loam-tags"
)

// Create implements files.Storage.
func (s *Storage) Create(ctx context.Context, name string, about files.About, content io.Reader) error {
	source := &source{Reader: content}
	input := &transfermanager.UploadObjectInput{
		Bucket: &s.options.Bucket, Key: s.key(name), Body: source,
		Metadata:             encoded(about),
		ServerSideEncryption: transfertypes.ServerSideEncryption(s.options.Encryption),
		StorageClass:         transfertypes.StorageClass(s.options.StorageClass),
	}
	set(&input.ContentType, about.ContentType)
	set(&input.CacheControl, s.options.CacheControl)
	set(&input.SSEKMSKeyID, s.options.KMSKey)
	if files.ActiveType(about.ContentType) {
		set(&input.ContentDisposition, "attachment")
	}
	_, err := s.transfer.UploadObject(ctx, input)
	if source.err != nil {
		return source.err
	}
	return broken(err)
}

// encoded is what is known of a file, as user-defined metadata.
func encoded(about files.About) map[string]string {
	metadata := make(map[string]string)
	for key, o := range map[string]*parse.Object{metadataKey: about.Metadata, tagsKey: about.Tags} {
		if o != nil {
			metadata[key] = base64.RawURLEncoding.EncodeToString(parse.AppendJSON(nil, o))
		}
	}
	return metadata
}

func set(to **string, value string) {
	if value != "" {
		*to = &value
	}
}

// source keeps the error that ends a content before its time.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Stat implements files.Storage.
func (s *Storage) Stat(ctx context.Context, name string) (files.Info, error) {
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.options.Bucket, Key: s.key(name)})
	if err != nil {
		return files.Info{}, broken(err)
	}
	info := files.Info{Name: name, Size: aws.ToInt64(head.ContentLength), Modified: aws.ToTime(head.LastModified), ETag: aws.ToString(head.ETag)}
	info.ContentType = aws.ToString(head.ContentType)
	info.Metadata, info.Tags = decode(head.Metadata, metadataKey), decode(head.Metadata, tagsKey)
	delete(head.Metadata, metadataKey)
	delete(head.Metadata, tagsKey)
	if info.Metadata == nil && len(head.Metadata) > 0 {
		info.Metadata = &parse.Object{} // as Parse Server's adapter writes it
		for key, value := range head.Metadata {
			info.Metadata.Set(key, parse.String(value))
		}
	}
	return info, nil
}

// decode reads an object that Create has encoded; what can't be read is nothing.
func decode(metadata map[string]string, key string) *parse.Object {
	json, err := base64.RawURLEncoding.DecodeString(metadata[key])
	if err != nil || len(json) == 0 {
		return nil
	}
	o, err := parse.DecodeObject(json, parse.Limits{Depth: 32, Keys: 1 << 12})
	if err != nil {
		return nil
	}
	return o
}

// Open implements files.Storage.
func (s *Storage) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	input := &s3.GetObjectInput{Bucket: &s.options.Bucket, Key: s.key(name)}
	if offset > 0 {
		input.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	object, err := s.client.GetObject(ctx, input)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return io.NopCloser(strings.NewReader("")), nil // from the end on
	}
	if err != nil {
		return nil, broken(err)
	}
	return object.Body, nil
}

// Delete implements files.Storage. S3 itself does not tell whether there was
// anything to delete.
func (s *Storage) Delete(ctx context.Context, name string) error {
	if _, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.options.Bucket, Key: s.key(name)}); err != nil {
		return broken(err)
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.options.Bucket, Key: s.key(name)})
	return broken(err)
}

// List implements files.Storage. It knows nothing of files beside their content.
func (s *Storage) List(ctx context.Context, yield func(files.Info) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.options.Bucket, Prefix: &s.options.Prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return broken(err)
		}
		for _, object := range page.Contents {
			name := strings.TrimPrefix(aws.ToString(object.Key), s.options.Prefix)
			if !files.ValidStored(name) {
				continue
			}
			err := yield(files.Info{Name: name, Size: aws.ToInt64(object.Size), Modified: aws.ToTime(object.LastModified), ETag: aws.ToString(object.ETag)})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Link implements files.Linker.
func (s *Storage) Link(ctx context.Context, name string) (string, error) {
	if !s.options.Presigned {
		return "", nil
	}
	request, err := s.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &s.options.Bucket, Key: s.key(name)},
		s3.WithPresignExpires(s.options.Expires))
	if err != nil {
		return "", broken(err)
	}
	return request.URL, nil
}

// Close implements files.Storage.
func (s *Storage) Close(context.Context) error { return nil }

// status is the status of the response that an error tells of; 0 when there was none.
func status(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

// broken is an error of the service in the port's terms.
func broken(err error) error {
	switch {
	case err == nil:
		return nil
	case status(err) == http.StatusNotFound:
		return files.ErrNotFound
	}
	return fmt.Errorf("files: %w", err)
}
