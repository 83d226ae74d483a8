package rest

import (
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// filesPath is where files are: their bodies are not JSON, so that they have
// handlers of their own.
const filesPath = "/files"

var (
	errUnnamedFile   = parse.NewError(parse.InvalidFileName, "Filename not provided.")
	errInvalidUpload = parse.NewError(parse.FileSaveError, "Invalid file upload.")
)

// fileRoute tells whether the path is one of files, and what is below.
func (c *call) fileRoute() (below string, ok bool) {
	if len(c.path) < len(filesPath) || !strings.EqualFold(c.path[:len(filesPath)], filesPath) {
		return "", false
	}
	below = c.path[len(filesPath):]
	if below == "" || below[0] == '/' {
		return strings.TrimPrefix(below, "/"), true
	}
	return "", false
}

// serveFile answers what is asked at a path of files.
func (c *call) serveFile(w http.ResponseWriter, r *http.Request, below string) (answer, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return c.downloadFile(w, r, below)
	case http.MethodPost:
		if below == "" {
			return answer{}, errUnnamedFile
		}
		if !strings.Contains(below, "/") {
			return c.uploadFile(w, r, below)
		}
	case http.MethodDelete:
		if below != "" {
			return c.deleteFile(r, below)
		}
	}
	return answer{}, noRoute(c.method, c.path, http.StatusNotFound)
}

// admit applies to files what applies to every request that is out of its
// envelope, and finds out whose it is.
func (c *call) admit(r *http.Request) error {
	if err := c.app.checkRoute(c.caller, c.method, c.path); err != nil {
		return err
	}
	if err := c.limitRate(r); err != nil {
		return err
	}
	return c.resolveSession(r.Context())
}

// identify takes app and keys from the headers; it leaves the app nil when they
// name none.
func (c *call) identify(r *http.Request) (credentials, error) {
	sent := headerCredentials(r.Header)
	sent.basic(r, c.handler.apps)
	c.token = sent.sessionToken
	if c.app = c.handler.apps[sent.appID]; c.app == nil {
		return sent, nil
	}
	var err error
	c.caller, err = c.app.authenticate(&sent, r, &c.handler.trust)
	return sent, err
}

// uploadFile stores a file: POST /files/{name}.
func (c *call) uploadFile(w http.ResponseWriter, r *http.Request, name string) (answer, error) {
	var u files.Upload
	var err error
	if u.Name, err = url.PathUnescape(name); err != nil {
		return answer{}, noRoute(c.method, c.path, http.StatusBadRequest)
	}
	sent, err := c.identify(r)
	if err != nil {
		return answer{}, err
	}
	if c.app == nil {
		err = c.openFileBody(w, r, &sent, &u)
	} else {
		err = c.openFileStream(w, r, &u)
	}
	if err != nil {
		return answer{}, err
	}
	if err := c.admit(r); err != nil {
		return answer{}, err
	}
	saved, err := c.app.engine.SaveFile(r.Context(), c.caller, &u)
	if err != nil {
		w.Header().Set("Connection", "close") // what is left of the content is not read
		return answer{}, err
	}
	return answer{status: http.StatusCreated, location: saved.URL, json: savedJSON(saved)}, nil
}

// savedJSON is what the client is told of its file.
func savedJSON(saved *engine.SavedFile) []byte {
	return parse.AppendJSON(nil, &parse.Object{Members: []parse.Member{
		{Key: "url", Value: parse.String(saved.URL)}, {Key: "name", Value: parse.String(saved.Name)}}})
}

// openFileBody reads an upload as JSON, which SDKs send that have no headers of
// their own: {"base64": …, "_ContentType": …, "fileData": {…}}.
func (c *call) openFileBody(w http.ResponseWriter, r *http.Request, sent *credentials, u *files.Upload) error {
	var err error
	c.body, err = c.handler.readBody(w, r, c.handler.limits)
	if public, ok := errors.AsType[*parse.Error](err); ok && !public.Bare {
		return errUnauthorized.WithCause(err) // a file, of an app that is not there
	}
	if err != nil {
		return err
	}
	if c.body == nil {
		return errUnauthorized
	}
	if u.ContentType, _ = memberText(c.body, "_ContentType"); u.ContentType == "" {
		u.ContentType = first(r.Header["Content-Type"])
	}
	if err := c.openBody(sent, r); err != nil {
		return err
	}
	c.token = sent.sessionToken
	content, has := c.body.Get("base64")
	text, isText := content.(parse.String)
	switch {
	case !has, content == parse.Value(parse.Null{}):
		return errInvalidUpload
	case !isText:
		return errUnauthorized
	}
	u.Content = decodeBase64(string(text))
	data, _ := c.body.Get("fileData")
	if o, ok := data.(*parse.Object); ok {
		return describeUpload(u, o)
	}
	return nil
}

// decodeBase64 reads base64 of either alphabet, with or without the padding; what
// a data URL has before it does not count.
func decodeBase64(text string) io.Reader {
	if strings.HasPrefix(text, "data:") {
		_, text, _ = strings.Cut(text, ",")
	}
	if text = strings.TrimRight(text, "= \r\n"); strings.ContainsAny(text, "-_") {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	}
	return invalidBase64{base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(text))}
}

// invalidBase64 tells the client that what it sent is no base64.
type invalidBase64 struct{ io.Reader }

func (r invalidBase64) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = errInvalidUpload.WithCause(err)
	}
	return n, err
}

// describeUpload takes over what the client says of its file.
func describeUpload(u *files.Upload, data *parse.Object) error {
	if v, ok := data.Get("directory"); ok {
		directory, isText := v.(parse.String)
		if !isText {
			return parse.NewError(parse.InvalidFileName, "Directory must be a string.")
		}
		u.Directory, u.HasDirectory = string(directory), true
	}
	for _, part := range [...]struct {
		key string
		to  **parse.Object
	}{{"metadata", &u.Metadata}, {"tags", &u.Tags}} {
		v, _ := data.Get(part.key)
		if o, ok := v.(*parse.Object); ok && len(o.Members) > 0 {
			*part.to = o
		}
	}
	return nil
}

// openFileStream has the content read from the request as it comes.
func (c *call) openFileStream(w http.ResponseWriter, r *http.Request, u *files.Upload) error {
	limit, err := c.uploadLimit(r)
	if err != nil {
		return err
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return errTooLarge
	}
	if first(r.Header["X-Parse-Upload-Mode"]) == "stream" {
		if err := describeStream(u, r.Header); err != nil {
			return err
		}
	}
	r.Body = newPatient(w, r)
	source, err := inflated(r)
	if err != nil {
		return err
	}
	source = &bounded{source, limit}
	u.ContentType, u.Content = cmp.Or(first(r.Header["Content-Type"]), "text/plain"), source
	if !strings.HasPrefix(u.ContentType, "multipart/form-data") {
		return nil
	}
	r.Body = io.NopCloser(source)
	parts, err := r.MultipartReader()
	if err != nil {
		return errInvalidUpload.WithCause(err)
	}
	part, err := filePart(parts)
	if err != nil {
		return err
	}
	u.ContentType, u.Content = part.Header.Get("Content-Type"), part
	return nil
}

// filePart is the first part of a form that is a file.
func filePart(parts *multipart.Reader) (*multipart.Part, error) {
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, errInvalidUpload.WithCause(err)
		}
		if part.FileName() != "" {
			return part, nil
		}
	}
}

// uploadLimit is how many bytes the file may have. The master key may say so
// itself.
func (c *call) uploadLimit(r *http.Request) (int64, error) {
	asked := first(r.Header["X-Parse-File-Max-Upload-Size"])
	if asked == "" {
		return c.handler.maxBody, nil
	}
	if c.caller.Scope != engine.ScopeMaster {
		return 0, refusal(http.StatusForbidden, "Permission denied")
	}
	limit, err := config.ParseSize(asked)
	if err != nil {
		return 0, parse.NewError(parse.FileSaveError, "Invalid maxUploadSize override value: "+asked).WithCause(err)
	}
	return limit, nil
}

// describeStream takes over what headers say of the file that is the body.
func describeStream(u *files.Upload, header http.Header) error {
	data := &parse.Object{}
	if directory := first(header["X-Parse-File-Directory"]); directory != "" {
		data.Set("directory", parse.String(directory))
	}
	for _, part := range [...]struct{ name, key string }{{"X-Parse-File-Metadata", "metadata"}, {"X-Parse-File-Tags", "tags"}} {
		text := first(header[part.name])
		if text == "" {
			continue
		}
		o, err := parse.DecodeObject([]byte(text), headerLimits)
		if err != nil {
			return parse.NewError(parse.InvalidJSON, "Invalid JSON in "+part.name+" header.").WithCause(err)
		}
		data.Set(part.key, o)
	}
	return describeUpload(u, data)
}

// headerLimits bound the JSON in a header.
var headerLimits = parse.Limits{Depth: 16, Keys: 256, Bytes: 64 << 10}

// bounded reads as many bytes as a body may have, and tells when there are more.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadable(err)
	}
	return n, err
}

// deleteFile removes a file: DELETE /files/{name}.
func (c *call) deleteFile(r *http.Request, below string) (answer, error) {
	if _, err := c.identify(r); err != nil {
		return answer{}, err
	}
	if c.app == nil {
		return answer{}, errUnauthorized
	}
	if err := c.admit(r); err != nil {
		return answer{}, err
	}
	name, err := url.PathUnescape(below)
	if err != nil {
		return answer{}, noRoute(c.method, c.path, http.StatusBadRequest)
	}
	if err := c.app.engine.DeleteFile(r.Context(), c.caller, name); err != nil {
		return answer{}, err
	}
	return answer{}, nil
}

// downloadFile answers a file, or what is known of it: GET /files/{app}/{name}
// and /files/{app}/metadata/{name}. The app's keys are not asked for.
func (c *call) downloadFile(w http.ResponseWriter, r *http.Request, below string) (answer, error) {
	id, name, ok := strings.Cut(below, "/")
	if !ok {
		return answer{}, noRoute(c.method, c.path, http.StatusNotFound)
	}
	if id, err := url.PathUnescape(id); err == nil {
		c.app = c.handler.apps[id]
	}
	if c.app == nil {
		return answer{}, refusal(http.StatusForbidden, "Permission denied")
	}
	sent := headerCredentials(r.Header)
	c.caller.InstallationID, c.token = sent.installationID, sent.sessionToken
	if sent.master != "" {
		var err error
		if c.caller, err = c.app.authenticate(&sent, r, &c.handler.trust); err != nil {
			return answer{}, err
		}
	}
	if err := c.admit(r); err != nil {
		return answer{}, err
	}
	name, describe := strings.CutPrefix(name, "metadata/")
	name, err := url.PathUnescape(name)
	if err != nil {
		return answer{}, noRoute(c.method, c.path, http.StatusBadRequest)
	}
	info, err := c.app.engine.File(r.Context(), c.caller, name)
	if describe {
		return describedFile(&info, err)
	}
	if absent(err) {
		return answer{status: http.StatusNotFound, text: "File not found."}, nil
	}
	if err != nil {
		return answer{}, err
	}
	if wanted, asked, err := c.askedPicture(info); err != nil || asked {
		if err == nil {
			err = c.sendPicture(w, r, info, wanted)
		}
		return answer{sent: true}, err
	}
	link, err := c.app.engine.FileLink(r.Context(), info)
	if err != nil {
		return answer{}, err
	}
	if link != "" {
		w.Header().Set("Cache-Control", "private, no-store") // the link is good for a while only
		return answer{status: http.StatusFound, location: link, text: "See " + link}, nil
	}
	c.sendFile(w, r, info)
	return answer{sent: true}, nil
}

func absent(err error) bool {
	public, ok := errors.AsType[*parse.Error](err)
	return ok && public.Code == parse.ObjectNotFound
}

// describedFile answers what is known of a file; of one that is not there, nothing
// is. A refusal has another status than that of the file, as parse-server's.
func describedFile(info *files.Info, err error) (answer, error) {
	o := &parse.Object{}
	if public, ok := errors.AsType[*parse.Error](err); ok && public.Code == parse.OperationForbidden {
		forbidden := *public
		forbidden.Status = http.StatusForbidden
		return answer{}, &forbidden
	}
	if absent(err) {
		err = nil
	}
	if info.Metadata != nil {
		o.Set("metadata", info.Metadata)
	}
	if info.Tags != nil {
		o.Set("tags", info.Tags)
	}
	return answer{json: parse.AppendJSON(nil, o)}, err
}
