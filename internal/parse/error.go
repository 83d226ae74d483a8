package parse

import (
	"errors"
	"fmt"
)

// Code is a Parse error code, as sent to clients in the member "code" of an
// error response. Source: the Parse REST guide, "Error codes".
type Code int

// The Parse error codes.
const (
	OtherCause                Code = -1
	InternalServerError       Code = 1
	ConnectionFailed          Code = 100
	ObjectNotFound            Code = 101
	InvalidQuery              Code = 102
	InvalidClassName          Code = 103
	MissingObjectID           Code = 104
	InvalidKeyName            Code = 105
	InvalidPointer            Code = 106
	InvalidJSON               Code = 107
	CommandUnavailable        Code = 108
	NotInitialized            Code = 109
	IncorrectType             Code = 111
	InvalidChannelName        Code = 112
	PushMisconfigured         Code = 115
	ObjectTooLarge            Code = 116
	OperationForbidden        Code = 119
	CacheMiss                 Code = 120
	InvalidNestedKey          Code = 121
	InvalidFileName           Code = 122
	InvalidACL                Code = 123
	Timeout                   Code = 124
	InvalidEmailAddress       Code = 125
	MissingContentType        Code = 126
	MissingContentLength      Code = 127
	InvalidContentLength      Code = 128
	FileTooLarge              Code = 129
	FileSaveError             Code = 130
	InstallationIDRequired    Code = 132
	MissingDeviceField        Code = 135
	ImmutableDeviceField      Code = 136
	DuplicateValue            Code = 137
	InvalidRoleName           Code = 139
	ExceededQuota             Code = 140
	ScriptFailed              Code = 141
	ValidationError           Code = 142
	InvalidImageData          Code = 143
	UnsavedFile               Code = 151
	InvalidPushTime           Code = 152
	FileDeleteError           Code = 153
	RequestLimitExceeded      Code = 155
	DuplicateRequest          Code = 159
	InvalidEventName          Code = 160
	FileDeleteUnnamed         Code = 161
	InvalidValue              Code = 162
	UsernameMissing           Code = 200
	PasswordMissing           Code = 201
	UsernameTaken             Code = 202
	EmailTaken                Code = 203
	EmailMissing              Code = 204
	EmailNotFound             Code = 205
	SessionMissing            Code = 206
	MustCreateUserThroughSign Code = 207
	AccountAlreadyLinked      Code = 208
	InvalidSessionToken       Code = 209
	MFAError                  Code = 210
	MFATokenRequired          Code = 211
	LinkedIDMissing           Code = 250
	InvalidLinkedSession      Code = 251
	UnsupportedService        Code = 252
	InvalidSchemaOperation    Code = 253
	ClassNotEmpty             Code = 255
	AggregateError            Code = 600
	FileReadError             Code = 601
)

// Error is an error that a client may be told: a Parse code and a public
// message, and the internal cause, which goes to the log only.
type Error struct {
	Code    Code
	Message string
	// Status is the HTTP status when it differs from the code's usual one;
	// zero means usual.
	Status int
	// Bare says that the response body has no "code" member, as parse-server
	// answers a few refusals ({"error":"unauthorized"}).
	Bare  bool
	cause error
}

// NewError returns an error with a code and a public message.
func NewError(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Errorf returns an error with a code and a formatted public message. Nothing
// internal may be formatted into it.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithCause returns a copy of e with cause as its internal cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Error gives the code and the public message, and the cause where there is one.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s (code %d): %v", e.Message, e.Code, e.cause)
	}
	return fmt.Sprintf("%s (code %d)", e.Message, e.Code)
}

// Unwrap returns the internal cause.
func (e *Error) Unwrap() error { return e.cause }

// CodeOf returns the Parse code of the first Error in err's chain, and
// InternalServerError when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return InternalServerError
}
