package engine

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// directTime is how long a client may take to put a file where it is kept, and to
// say so.
const directTime = time.Hour

// FileGrant is the answer to a client that wants to put a file where it is kept.
type FileGrant struct {
	files.Grant
	// Token is what the client confirms the file with when it is there.
	Token string
}

// pendingFile is what a token says.
type pendingFile struct {
	Key, Name, Type string
	Size, Expires   int64
	User            string
	About           []byte `json:",omitempty"`
}

var (
	errNotDirect    = parse.NewError(parse.CommandUnavailable, "Files can't be uploaded directly to where they are kept.")
	errPendingToken = parse.NewError(parse.FileSaveError, "The upload is unknown, not complete or too old.")
)

// GrantFile lets a client put a file of that size where it is kept; see API.
func (e *Engine) GrantFile(ctx context.Context, c Caller, u *files.Upload, size int64) (*FileGrant, error) {
	if err := e.CheckFile(ctx, c, u); err != nil {
		return nil, err
	}
	direct, ok := e.Files.(files.Direct)
	if !ok || len(e.FileSecret) == 0 {
		return nil, errNotDirect
	}
	name := files.StoredName(u.Directory, files.WithExtension(u.Name, u.ContentType), e.FilePolicy.PreserveName)
	pending := pendingFile{
		Key: rand.Text(), Name: name, Type: files.ServedType(name, u.ContentType), Size: size, User: c.UserID,
		Expires: e.Now().Add(directTime).Unix(), About: files.About{Metadata: u.Metadata, Tags: u.Tags}.JSON(),
	}
	grant, err := direct.Grant(ctx, pending.Key, pending.Type, size, directTime)
	if err != nil {
		return nil, storeError(err)
	}
	text, err := json.Marshal(pending)
	if err != nil {
		return nil, err
	}
	return &FileGrant{Grant: grant, Token: base64.RawURLEncoding.EncodeToString(text) + "." + e.signPending(text)}, nil
}

func (e *Engine) signPending(text []byte) string {
	mac := hmac.New(sha256.New, e.FileSecret)
	_, _ = mac.Write(text) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// AdoptFile makes a file of what a client has put where it is kept; see API.
func (e *Engine) AdoptFile(ctx context.Context, c Caller, token string) (*SavedFile, error) {
	direct, ok := e.Files.(files.Direct)
	if !ok || len(e.FileSecret) == 0 {
		return nil, errNotDirect
	}
	if c.Scope == ScopeReadOnlyMaster {
		return nil, e.forbidden("read-only masterKey isn't allowed to create a file.")
	}
	said, signature, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(said)
	if err != nil || !hmac.Equal([]byte(signature), []byte(e.signPending(text))) {
		return nil, errPendingToken
	}
	var pending pendingFile
	if err := json.Unmarshal(text, &pending); err != nil {
		return nil, errPendingToken.WithCause(err)
	}
	if pending.Expires < e.Now().Unix() || pending.User != c.UserID && !c.mayWriteAsMaster() {
		return nil, errPendingToken
	}
	about := files.AboutOf(pending.About)
	about.ContentType = pending.Type
	err = direct.Adopt(ctx, pending.Key, pending.Name, pending.Size, about)
	if errors.Is(err, files.ErrNotFound) {
		return nil, errPendingToken
	}
	if err != nil {
		return nil, storeError(err)
	}
	return &SavedFile{Name: pending.Name, URL: string(e.FileURL(nil, pending.Name))}, nil
}
