package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// answer is what a request is answered when it succeeds.
type answer struct {
	status   int    // 0 means 200
	location string // "" means none
	json     []byte
	text     string // in place of json, if not ""
	sent     bool   // it has been written already
	// result is what json is of, when its memory is to be given back.
	result *engine.Result
}

// of answers with what the engine found.
func of(r *engine.Result) answer { return answer{json: r.JSON(), result: r} }

// done gives the answer's memory back, once it is written.
func (a answer) done() {
	if a.result != nil {
		a.result.Release()
	}
}

var emptyObject = []byte("{}")

// response writes one answer.
type response struct {
	http.ResponseWriter
	status int // 0 until something is written
}

// The values of headers that are the same in every response; nobody changes them.
var (
	contentTypeJSON = []string{"application/json; charset=utf-8"}
	contentTypeText = []string{"text/plain; charset=utf-8"}
	retrySoon       = []string{"1"}
)

// buffered is the length up to which net/http counts a body itself.
const buffered = 2048

// WriteHeader remembers the status for the log.
func (out *response) WriteHeader(status int) {
	out.status = status
	out.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (out *response) Unwrap() http.ResponseWriter { return out.ResponseWriter }

func (out *response) send(a answer) {
	if a.sent {
		return
	}
	header := out.Header()
	header["Content-Type"] = contentTypeJSON
	if a.text != "" {
		header["Content-Type"] = contentTypeText
		a.json = []byte(a.text)
	}
	if len(a.json) > buffered {
		header["Content-Length"] = []string{strconv.Itoa(len(a.json))}
	}
	if a.location != "" {
		header["Location"] = []string{a.location}
	}
	switch a.status {
	case 0:
		a.status = http.StatusOK
	case http.StatusServiceUnavailable:
		header["Retry-After"] = retrySoon
	}
	out.WriteHeader(a.status)
	_, _ = out.Write(a.json) // the client has gone when it fails
}

// fail tells the client an error, and the log what the client is not told.
func (c *call) fail(err error) {
	public := c.public(err)
	a := answer{status: statusOf(public)}
	if a.status >= http.StatusInternalServerError {
		c.out.Header()["X-Request-Id"] = []string{c.requestID()}
	}
	if public == errInternal {
		a.json = internalBody
	} else {
		a.json = appendError(nil, public)
	}
	c.out.send(a)
}

// errInternal is told to clients in place of every error that is not theirs to
// know. As a response of its own it has another form, as parse-server's.
var (
	errInternal  = parse.NewError(parse.InternalServerError, "Internal server error.")
	internalBody = []byte(`{"code":1,"message":"Internal server error."}`)
)

// public is the error as the client is told it. What the client is not told
// goes to the log, once.
func (c *call) public(err error) *parse.Error {
	var public *parse.Error
	level := slog.LevelDebug
	switch {
	case !errors.As(err, &public):
		public, level = errInternal, slog.LevelError
		if errors.Is(err, context.Canceled) {
			level = slog.LevelDebug // the client has gone
		}
	case statusOf(public) >= http.StatusInternalServerError:
		level = slog.LevelError
	case err != error(public) || public.Unwrap() != nil:
		level = slog.LevelInfo
	}
	if logger := c.logger(); logger.Enabled(context.Background(), level) {
		logger.Log(context.Background(), level, "request failed", "request", c.requestID(),
			"method", c.method, "path", c.path, "error", err)
	}
	return public
}

func statusOf(err *parse.Error) int {
	switch {
	case err.Status != 0:
		return err.Status
	case err.Code == parse.InternalServerError:
		return http.StatusInternalServerError
	case err.Code == parse.ObjectNotFound:
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// appendError appends {"code":…,"error":…}.
func appendError(dst []byte, err *parse.Error) []byte {
	dst = append(dst, '{')
	if !err.Bare {
		dst = strconv.AppendInt(append(dst, `"code":`...), int64(err.Code), 10)
		dst = append(dst, ',')
	}
	dst = parse.AppendJSON(append(dst, `"error":`...), parse.String(err.Message))
	return append(dst, '}')
}

func (c *call) logger() *slog.Logger {
	if c.app != nil {
		return c.app.logger
	}
	return c.handler.logger
}

// requestID names the HTTP request in the log and in answers about faults.
func (c *call) requestID() string {
	return c.handler.process + "-" + strconv.FormatUint(c.number, 36)
}

// recover keeps a panic from ending the process (root cause R11).
func (c *call) recover() {
	fault := recover()
	if fault == nil {
		return
	}
	if c.out.status == 0 {
		c.fail(panicked(fault))
		return
	}
	c.public(panicked(fault))
	panic(http.ErrAbortHandler) // the answer is broken: cut it off
}

// panicked is a panic as an error, with the stack that it happened on.
func panicked(fault any) error { return fmt.Errorf("panic: %v\n%s", fault, debug.Stack()) }

// logAccess writes the access log, without query and body: they may hold secrets.
func (c *call) logAccess(r *http.Request, start time.Time) {
	c.handler.logger.Debug("request", "request", c.requestID(), "method", r.Method, "path", r.URL.Path,
		"client", clientAddress(r, &c.handler.trust), "status", c.out.status, "duration", time.Since(start))
}
