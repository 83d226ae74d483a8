package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/picture"
	"github.com/loam-baas/loam/internal/parse"
)

// askedPicture tells whether the URL asks for another version of a picture.
func (c *call) askedPicture(info files.Info) (r picture.Request, asked bool, err error) {
	if c.app.pictures == nil || c.query == "" {
		return r, false, nil
	}
	query, err := url.ParseQuery(c.query)
	if err != nil {
		return r, false, parse.NewError(parse.InvalidQuery, "Improper encode of parameter").WithCause(err)
	}
	return c.app.pictures.Asked(info, query)
}

// sendPicture writes a version of a picture.
func (c *call) sendPicture(w http.ResponseWriter, r *http.Request, info files.Info, wanted picture.Request) error {
	made, err := c.app.pictures.Make(r.Context(), info, wanted, func(ctx context.Context) io.ReadCloser {
		return c.app.engine.OpenFile(ctx, info)
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", made.ContentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", made.ETag)
	http.ServeContent(&patientWriter{response: &c.out, began: time.Now()}, r, "", info.Modified, bytes.NewReader(made.Content))
	return nil
}
