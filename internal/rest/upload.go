package rest

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// uploadsPath is where resumable uploads are; see package resumable.
const uploadsPath = "/uploads"

// tusHeaders are the request and the response headers of the protocol tus, which
// browsers are told of for uploads only.
const (
	tusHeaders       = "Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Parse-Installation-Id"
	tusAnswerHeaders = "Location, Tus-Resumable, Tus-Version, Tus-Max-Size, Tus-Extension, Upload-Offset, Upload-Length, Upload-Metadata"
)

// directPath is where clients ask to put files where they are kept: plain JSON.
const directPath = uploadsPath + "/direct"

// uploadRoute tells whether a path is one of resumable uploads.
func uploadRoute(path string) bool {
	rest, ok := strings.CutPrefix(path, uploadsPath)
	return ok && (rest == "" || rest[0] == '/') && path != directPath && !strings.HasPrefix(path, directPath+"/")
}

// discoverUploads lets pages of other origins use the protocol, and answers what of
// it is served.
func (h *Handler) discoverUploads(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET,PUT,POST,DELETE,OPTIONS,HEAD,PATCH")
	header.Set("Access-Control-Allow-Headers", header.Get("Access-Control-Allow-Headers")+", "+tusHeaders)
	for _, app := range h.apps {
		if app.uploads != nil {
			app.uploads.Discovery(header)
			return
		}
	}
}

// grantUpload lets a client put a file where it is kept: POST /uploads/direct with
// {"name": …, "contentType": …, "size": …}.
func grantUpload(ctx context.Context, c *call) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	u := files.Upload{}
	u.Name, _ = memberText(body, "name")
	u.ContentType, _ = memberText(body, "contentType")
	v, _ := body.Get("size")
	size, ok := v.(parse.Number)
	switch {
	case !ok || size < 1 || float64(size) != math.Trunc(float64(size)):
		return answer{}, parse.NewError(parse.InvalidValue, "size must be the number of the file's bytes.")
	case float64(size) > float64(c.handler.maxBody):
		return answer{}, errTooLarge
	}
	if err := describeUpload(&u, body); err != nil {
		return answer{}, err
	}
	grant, err := c.app.engine.GrantFile(ctx, c.caller, &u, int64(size))
	if err != nil {
		return answer{}, err
	}
	headers := &parse.Object{}
	for _, name := range slices.Sorted(maps.Keys(grant.Headers)) {
		headers.Set(name, parse.String(grant.Headers[name]))
	}
	return answer{status: http.StatusCreated, json: parse.AppendJSON(nil, &parse.Object{Members: []parse.Member{
		{Key: "method", Value: parse.String(grant.Method)}, {Key: "url", Value: parse.String(grant.URL)},
		{Key: "headers", Value: headers}, {Key: "token", Value: parse.String(grant.Token)}}})}, nil
}

// adoptUpload makes a file of what a client has put where it is kept: POST
// /uploads/direct/confirm with {"token": …}.
func adoptUpload(ctx context.Context, c *call) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	token, _ := memberText(body, "token")
	saved, err := c.app.engine.AdoptFile(ctx, c.caller, token)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, location: saved.URL, json: savedJSON(saved)}, nil
}

// serveUpload answers what is asked at a path of resumable uploads.
func (c *call) serveUpload(w http.ResponseWriter, r *http.Request) (answer, error) {
	if _, err := c.identify(r); err != nil {
		return answer{}, err
	}
	if c.app == nil {
		return answer{}, errUnauthorized
	}
	if c.app.uploads == nil {
		return answer{}, noRoute(c.method, c.path, http.StatusNotFound)
	}
	if err := c.admit(r); err != nil {
		return answer{}, err
	}
	expose := w.Header().Get("Access-Control-Expose-Headers")
	w.Header().Set("Access-Control-Expose-Headers", expose+", "+tusAnswerHeaders)
	r.Body = newPatient(w, r)
	r.URL.Path = strings.TrimPrefix(c.path, uploadsPath)
	c.app.uploads.Serve(&c.out, r, uploadGate{c})
	return answer{sent: true}, nil
}

// uploadGate is the gate of one request to resumable uploads.
type uploadGate struct{ *call }

// Check implements resumable.Gate.
func (g uploadGate) Check(ctx context.Context, u *files.Upload) error {
	return g.app.engine.CheckFile(ctx, g.caller, u)
}

// Save implements resumable.Gate.
func (g uploadGate) Save(ctx context.Context, u *files.Upload) ([]byte, string, error) {
	saved, err := g.app.engine.SaveFile(ctx, g.caller, u)
	if err != nil {
		return nil, "", err
	}
	return savedJSON(saved), saved.URL, nil
}

// Refuse implements resumable.Gate.
func (g uploadGate) Refuse(err error) (int, []byte) {
	public := g.public(err)
	return statusOf(public), appendError(nil, public)
}
