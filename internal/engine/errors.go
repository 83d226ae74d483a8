package engine

import (
	"context"
	"errors"
	"net/http"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// objectNotFound answers every object that the caller may not see or change as
// if it did not exist.
func objectNotFound() error { return parse.NewError(parse.ObjectNotFound, "Object not found.") }

// denied is a refusal whose reason clients learn only when the app does not
// sanitise its errors (option enableSanitizedErrorResponse).
func (e *Engine) denied(reason string) error {
	return e.sanitize(parse.NewError(parse.OperationForbidden, reason))
}

// Refusal is a refusal with a code of its own, whose reason clients learn only
// when the app does not sanitise its errors.
func (e *Engine) Refusal(code parse.Code, reason string) error {
	return e.sanitize(parse.NewError(code, reason))
}

// sanitize hides the reason of a refusal from clients and keeps it as the cause.
// It is for refusals only.
func (e *Engine) sanitize(err error) error {
	var refusal *parse.Error
	if !e.SanitizeErrors || !errors.As(err, &refusal) || refusal.Bare {
		return err
	}
	public := parse.NewError(refusal.Code, "Permission denied")
	public.Status = refusal.Status
	return public.WithCause(errors.New(refusal.Message))
}

// RequireMaster refuses callers that do not administer the app, with
// parse-server's bare answer of status 403; sanitize keeps its reason from them.
func RequireMaster(c Caller, sanitize bool) error {
	if c.Administers() {
		return nil
	}
	return forbidden("unauthorized: master key is required", sanitize)
}

// forbidden is a refusal in parse-server's bare form.
func forbidden(reason string, sanitize bool) error {
	refusal := &parse.Error{Code: parse.OperationForbidden, Status: http.StatusForbidden, Bare: true, Message: reason}
	if sanitize {
		refusal.Message = "Permission denied"
	}
	return refusal
}

func (e *Engine) forbidden(reason string) error { return forbidden(reason, e.SanitizeErrors) }

func (e *Engine) requireMaster(c Caller) error { return RequireMaster(c, e.SanitizeErrors) }

// requireWriter refuses callers that may not change what is the administrator's; what is the part of
// the message that says what they may not.
func (e *Engine) requireWriter(c Caller, what string) error {
	if c.Scope == ScopeReadOnlyMaster {
		return e.denied("read-only masterKey isn't allowed to " + what + ".")
	}
	return e.requireMaster(c)
}

// storeError turns a store's error into what a client may be told; the original
// stays the cause, for the log.
func storeError(err error) error {
	if err == nil {
		return nil
	}
	var (
		public    *parse.Error
		duplicate *store.DuplicateKeyError
		request   *store.RequestError
	)
	switch {
	case errors.As(err, &public):
		return err
	case errors.As(err, &duplicate):
		return parse.NewError(parse.DuplicateValue, "A duplicate value for a field with unique values was provided").WithCause(err)
	case errors.As(err, &request) && request.TooLarge():
		return parse.NewError(parse.ObjectTooLarge, "The object is too large.").WithCause(err)
	case errors.As(err, &request):
		return parse.NewError(parse.InvalidQuery, request.Message).WithCause(err)
	case errors.Is(err, store.ErrNotFound):
		return objectNotFound()
	case errors.Is(err, store.ErrConflict):
		return parse.NewError(parse.InvalidLinkedSession, "The transaction met another write; try again.").WithCause(err)
	case errors.Is(err, store.ErrUnavailable):
		unavailable := parse.NewError(parse.InternalServerError, "The database is not available; try again later.")
		unavailable.Status = 503
		return unavailable.WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return parse.NewError(parse.Timeout, "The request took too long.").WithCause(err)
	}
	return err
}
