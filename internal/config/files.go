package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/files"
)

// Files says where an app's files are, who may have and read them, and which.
type Files struct {
	Adapter FilesAdapter
	// Fallback is where files were before, and move from; its kind is "" when they don't.
	Fallback     FilesAdapter
	PreserveName bool
	Upload       FileAudience
	Download     FileAudience
	// Extensions are regular expressions of those that may be uploaded; none are
	// Loam's defaults.
	Extensions []string
	// URLDomains are the hosts that the URL of a file in an object may name; "*" is any.
	URLDomains []string
	Images     Images
	// UploadsDir is where unfinished uploads are kept; "" takes none. MaxUploadSize is
	// that of the process, in bytes.
	UploadsDir    string
	MaxUploadSize int64
}

// Images says which other versions of pictures are made.
type Images struct {
	Enabled bool
	// MaxSide is the longest side of a version, and MaxPixels the size of the largest
	// picture that versions are made of, in pixels.
	MaxSide, MaxPixels int
	// CacheDir is where versions are kept, and CacheSize how many bytes of them.
	CacheDir  string
	CacheSize int64
	// SigningKey signs the parameters that are answered; "" answers all.
	SigningKey string
}

// FileAudience are the kinds of callers who may, the master key apart.
type FileAudience struct{ Public, Anonymous, Authenticated bool }

// FilesKind is a kind of place for files.
type FilesKind string

// The kinds of places for files.
const (
	LocalFiles FilesKind = "local"
	GridFS     FilesKind = "gridfs"
	S3         FilesKind = "s3"
)

// FilesAdapter is a place for files.
type FilesAdapter struct {
	Kind FilesKind
	// Dir is the directory of LocalFiles.
	Dir string
	// EncryptionKey encrypts them as Parse Server's adapters do; "" does not.
	EncryptionKey string
	S3            S3Files
}

// Delivery is how clients come by a file in a bucket.
type Delivery string

// The ways in which clients come by a file in a bucket.
const (
	// DeliveryProxy: from Loam, which reads it from the bucket.
	DeliveryProxy Delivery = "proxy"
	// DeliveryPresigned: from the bucket, by a URL that Loam signs for a while.
	DeliveryPresigned Delivery = "presigned"
	// DeliveryPublic: from a URL that needs no signature, that of a CDN perhaps.
	DeliveryPublic Delivery = "public"
)

// S3Files is a bucket of an S3 service.
type S3Files struct {
	Bucket, Prefix, Region string
	// Endpoint is the service's URL; "" is AWS's for the region.
	Endpoint string
	// PathStyle has the bucket in the path of URLs rather than in the host's name.
	PathStyle bool
	// The credentials: of a profile of the machine, or static ones; none are what
	// the AWS SDK finds by itself. Role is assumed with them, if it isn't "".
	Profile, AccessKeyID, SecretAccessKey, SessionToken, Role string
	Delivery                                                  Delivery
	// PublicURL is what comes before keys in the URLs of DeliveryPublic.
	PublicURL string
	// Expires is how long presigned URLs are good for.
	Expires time.Duration
	// Encryption is AES256, aws:kms or aws:kms:dsse; "" is the bucket's default.
	Encryption, KMSKey         string
	StorageClass, CacheControl string
}

// The names under which Parse Server knows its files adapters.
var filesModules = map[string]FilesKind{
	"@parse/fs-files-adapter": LocalFiles, "parse-server-fs-adapter": LocalFiles,
	"@parse/s3-files-adapter": S3, "parse-server-s3-adapter": S3,
}

// ParseFilesAdapter reads a place for files, as the option filesAdapter has it in
// the form of a URL.
func ParseFilesAdapter(address string) (FilesAdapter, error) {
	value, err := readFilesAdapter(address)
	if err != nil {
		return FilesAdapter{}, err
	}
	return value.(FilesAdapter), nil
}

// readFilesAdapter accepts a URL, or what Parse Server takes for an adapter that
// Loam has its own kind of: a module's name, or {"module": …, "options": {…}}.
func readFilesAdapter(value any) (any, error) {
	switch v := value.(type) {
	case string:
		if kind, ok := filesModules[v]; ok {
			return filesFromOptions(kind, nil)
		}
		return filesFromURL(v)
	case map[string]any:
		module, _ := v["module"].(string)
		if address, ok := v["url"].(string); ok && module == "" {
			return filesFromURL(address)
		}
		kind, ok := filesModules[module]
		if !ok {
			return nil, errors.New("names no module that Loam has a storage for: @parse/s3-files-adapter or @parse/fs-files-adapter; a URL is best, as file:///directory, gridfs: or s3://bucket/prefix?region=…")
		}
		options, _ := v["options"].(map[string]any)
		return filesFromOptions(kind, options)
	}
	return nil, errors.New("must be a URL as file:///directory, gridfs: or s3://bucket/prefix?region=…, or an object with module and options")
}

func filesFromURL(text string) (FilesAdapter, error) {
	u, err := url.Parse(text)
	if err != nil {
		return FilesAdapter{}, errors.New("is no URL")
	}
	query := u.Query()
	a := FilesAdapter{EncryptionKey: take(query, "encryptionKey")}
	switch u.Scheme {
	case "file":
		a.Kind = LocalFiles
		if a.Dir = filepath.FromSlash(u.Path); u.Host != "" || !filepath.IsAbs(a.Dir) {
			return a, errors.New("must have an absolute path, as file:///directory")
		}
		a.Dir = filepath.Clean(a.Dir)
	case "gridfs":
		a.Kind = GridFS
		if u.Host != "" || strings.Trim(u.Path+u.Opaque, "/") != "" {
			return a, errors.New("is gridfs: alone, for the files are in the app's database")
		}
	case "s3":
		a.Kind = S3
		if a.S3, err = s3FromURL(u, query); err != nil {
			return a, err
		}
	default:
		return a, errors.New("must be a URL as file:///directory, gridfs: or s3://bucket/prefix?region=…")
	}
	if a.EncryptionKey != "" && a.Kind == S3 && a.S3.Delivery != DeliveryProxy {
		return a, errors.New("has an encryptionKey, so that its delivery must be proxy: clients can't decrypt files")
	}
	for name := range query {
		return a, fmt.Errorf("has a parameter %q that is not known", name)
	}
	return a, nil
}

// take removes a parameter and returns it.
func take(query url.Values, name string) string {
	value := query.Get(name)
	query.Del(name)
	return value
}

func s3FromURL(u *url.URL, query url.Values) (S3Files, error) {
	s := S3Files{
		Bucket: u.Host, Prefix: strings.TrimPrefix(u.Path, "/"),
		Region: take(query, "region"), Endpoint: take(query, "endpoint"), Profile: take(query, "profile"),
		AccessKeyID: take(query, "accessKeyId"), SecretAccessKey: take(query, "secretAccessKey"),
		SessionToken: take(query, "sessionToken"), Role: take(query, "role"),
		Delivery: Delivery(take(query, "delivery")), PublicURL: take(query, "publicURL"),
		Encryption: take(query, "encryption"), KMSKey: take(query, "kmsKey"),
		StorageClass: take(query, "storageClass"), CacheControl: take(query, "cacheControl"),
	}
	if s.Prefix != "" && !strings.HasSuffix(s.Prefix, "/") {
		s.Prefix += "/"
	}
	var err error
	if text := take(query, "pathStyle"); text != "" {
		if s.PathStyle, err = strconv.ParseBool(text); err != nil {
			return s, errors.New("has a pathStyle that is neither true nor false")
		}
	} else {
		s.PathStyle = s.Endpoint != "" // what nearly all services but AWS's want
	}
	if text := take(query, "expires"); text != "" {
		if s.Expires, err = time.ParseDuration(text); err != nil {
			return s, errors.New("has an expires that is no duration, as 15m")
		}
	}
	if u.User != nil {
		s.AccessKeyID = u.User.Username()
		s.SecretAccessKey, _ = u.User.Password()
	}
	return s.complete()
}

// The times that presigned URLs can be good for; the longest is S3's own bound.
const (
	usualExpires   = 15 * time.Minute
	longestExpires = 7 * 24 * time.Hour
)

// complete fills in defaults and refuses what can't be.
func (s S3Files) complete() (S3Files, error) {
	switch {
	case s.Bucket == "":
		return s, errors.New("names no bucket")
	case s.Endpoint == "" && s.Region == "":
		return s, errors.New("names neither region nor endpoint")
	case (s.AccessKeyID == "") != (s.SecretAccessKey == ""):
		return s, errors.New("has one of accessKeyId and secretAccessKey without the other")
	case s.Expires < 0 || s.Expires > longestExpires:
		return s, errors.New("has URLs that expire after more than seven days")
	}
	if s.Endpoint != "" {
		if _, err := readURL(s.Endpoint); err != nil {
			return s, fmt.Errorf("has an endpoint that %w", err)
		}
	}
	if s.PublicURL != "" {
		clean, err := readURL(s.PublicURL)
		if err != nil {
			return s, fmt.Errorf("has a publicURL that %w", err)
		}
		s.PublicURL = clean.(string)
	}
	if s.Region == "" {
		s.Region = "us-east-1" // services that have no regions go by this one
	}
	if s.Expires == 0 {
		s.Expires = usualExpires
	}
	switch s.Delivery {
	case "":
		s.Delivery = DeliveryProxy
	case DeliveryProxy, DeliveryPresigned:
	case DeliveryPublic:
		if s.PublicURL == "" && s.Endpoint != "" {
			s.PublicURL = s.Endpoint + "/" + s.Bucket
		} else if s.PublicURL == "" {
			s.PublicURL = "https://" + s.Bucket + ".s3." + s.Region + ".amazonaws.com"
		}
	default:
		return s, errors.New("has a delivery that is none of proxy, presigned and public")
	}
	return s, nil
}

// filesFromOptions reads the options of Parse Server's adapters. Options that it
// does not know it does not guess at.
func filesFromOptions(kind FilesKind, options map[string]any) (FilesAdapter, error) {
	o := adapterOptions{values: options}
	a := FilesAdapter{Kind: kind, EncryptionKey: o.text("encryptionKey")}
	if kind == LocalFiles {
		// As the adapter has it: below the directory that the process runs in.
		dir, err := filepath.Abs(filepath.Join("files", o.text("filesSubDirectory")))
		a.Dir = dir
		return a, errors.Join(err, o.err())
	}
	a.S3 = S3Files{
		Bucket: o.text("bucket"), Region: o.text("region"), Prefix: o.text("bucketPrefix"),
		AccessKeyID: o.text("accessKey"), SecretAccessKey: o.text("secretKey"), PublicURL: o.text("baseUrl"),
		Encryption: o.text("ServerSideEncryption"), CacheControl: o.text("globalCacheControl"), StorageClass: o.text("storageClass"),
	}
	direct, presigned := o.flag("directAccess"), o.flag("presignedUrl")
	switch {
	case direct && presigned:
		a.S3.Delivery = DeliveryPresigned
	case direct:
		a.S3.Delivery = DeliveryPublic
	}
	if expires, ok := o.take("presignedUrlExpires").(int64); ok {
		a.S3.Expires = time.Duration(expires) * time.Second
	}
	if a.S3.Region == "" {
		a.S3.Region = "us-east-1" // the adapter's default
	}
	o.flag("baseUrlDirect") // how the adapter joins baseUrl and names; here there is one way
	o.text("signatureVersion")
	o.flag("validateFilename")
	overrides, _ := o.take("s3overrides").(map[string]any)
	s := adapterOptions{values: overrides}
	if s.any("endpoint") {
		a.S3.Endpoint = s.text("endpoint")
	}
	a.S3.PathStyle = s.flag("forcePathStyle") || s.flag("s3ForcePathStyle")
	credentials, _ := s.take("credentials").(map[string]any)
	for _, from := range [...]*adapterOptions{&s, {values: credentials}} {
		if from.any("accessKeyId") {
			a.S3.AccessKeyID, a.S3.SecretAccessKey = from.text("accessKeyId"), from.text("secretAccessKey")
			a.S3.SessionToken = from.text("sessionToken")
		}
		if err := from.err(); err != nil && from != &s {
			return a, err
		}
	}
	if region := s.text("region"); region != "" {
		a.S3.Region = region
	}
	if err := errors.Join(o.err(), s.err()); err != nil {
		return a, err
	}
	var err error
	if a.S3, err = a.S3.complete(); err == nil && a.EncryptionKey != "" {
		err = errors.New("has an encryptionKey, which Parse Server's S3 adapter has not; a URL with the parameter encryptionKey encrypts")
	}
	return a, err
}

// adapterOptions are options of an adapter, of which each is taken once.
type adapterOptions struct {
	values map[string]any
	taken  map[string]bool
	wrong  []error
}

func (o *adapterOptions) any(name string) bool { return o.values[name] != nil }

func (o *adapterOptions) take(name string) any {
	if o.taken == nil {
		o.taken = make(map[string]bool)
	}
	o.taken[name] = true
	return o.values[name]
}

func (o *adapterOptions) text(name string) string {
	switch v := o.take(name).(type) {
	case nil:
		return ""
	case string:
		return v
	}
	o.wrong = append(o.wrong, fmt.Errorf("has an option %q that is no text", name))
	return ""
}

func (o *adapterOptions) flag(name string) bool {
	switch v := o.take(name).(type) {
	case nil:
		return false
	case bool:
		return v
	}
	o.wrong = append(o.wrong, fmt.Errorf("has an option %q that is neither true nor false", name))
	return false
}

// err tells which options were wrong, and which nobody asked for.
func (o *adapterOptions) err() error {
	for name, value := range o.values {
		if !o.taken[name] && value != nil {
			o.wrong = append(o.wrong, fmt.Errorf("has an option %q that Loam's storage does not know", name))
		}
	}
	return errors.Join(o.wrong...)
}

func readExtensions(value any) (any, error) {
	list := value.([]string)
	if _, err := files.NewExtensions(list); err != nil {
		return nil, fmt.Errorf("must hold regular expressions: %w", err)
	}
	return list, nil
}
