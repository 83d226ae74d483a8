package engine

import (
	"bufio"
	"context"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// FilePolicy says who may upload and download files, and which. The fields carry
// the meaning of Parse Server's options fileUpload and fileDownload.
type FilePolicy struct {
	Upload, Download FileAudience
	Extensions       files.Extensions
	// PreserveName keeps names as clients choose them.
	PreserveName bool
	// Domains are the hosts that the URL of a file in an object may name, "*.a.com"
	// those below a.com; nil is any.
	Domains []string
}

// FileAudience are the kinds of callers who may; the master key always may.
type FileAudience struct{ Public, Anonymous, Authenticated bool }

// SavedFile is the answer to an upload.
type SavedFile struct{ Name, URL string }

var (
	errNoFile        = errors.New("engine: no files are kept")
	errFileNotFound  = parse.NewError(parse.ObjectNotFound, "File not found.")
	errInvalidUpload = parse.NewError(parse.FileSaveError, "Invalid file upload.")
)

// CheckFile decides whether a file may be stored; see API.
func (e *Engine) CheckFile(ctx context.Context, c Caller, u *files.Upload) error {
	if e.Files == nil {
		return errNoFile
	}
	if c.Scope == ScopeReadOnlyMaster {
		return e.forbidden("read-only masterKey isn't allowed to create a file.")
	}
	if err := e.admitFile(ctx, c, e.FilePolicy.Upload, parse.FileSaveError, "File upload by "); err != nil {
		return err
	}
	if err := checkPlace(c, u); err != nil {
		return err
	}
	return e.checkExtension(c, u, files.WithExtension(u.Name, u.ContentType))
}

// SaveFile stores a file; see API.
func (e *Engine) SaveFile(ctx context.Context, c Caller, u *files.Upload) (*SavedFile, error) {
	if err := e.CheckFile(ctx, c, u); err != nil {
		return nil, err
	}
	content := bufio.NewReader(u.Content)
	switch _, err := content.Peek(1); {
	case errors.Is(err, io.EOF):
		return nil, errInvalidUpload
	case err != nil:
		return nil, err
	}
	name := files.StoredName(u.Directory, files.WithExtension(u.Name, u.ContentType), e.FilePolicy.PreserveName)
	about := files.About{ContentType: files.ServedType(name, u.ContentType), Metadata: u.Metadata, Tags: u.Tags}
	if err := e.Files.Create(ctx, name, about, content); err != nil {
		return nil, storeError(err)
	}
	return &SavedFile{Name: name, URL: string(e.FileURL(nil, name))}, nil
}

// checkPlace refuses names and directories that the caller may not choose.
func checkPlace(c Caller, u *files.Upload) error {
	if err := files.CheckName(u.Name); err != nil || !u.HasDirectory {
		return err
	}
	if !c.mayWriteAsMaster() {
		return parse.NewError(parse.OperationForbidden, "Directory can only be set using the Master Key.")
	}
	return files.CheckDirectory(u.Directory)
}

// checkExtension refuses uploads of what the policy does not allow, by what the
// client says and by the name that the file would have.
func (e *Engine) checkExtension(c Caller, u *files.Upload, name string) error {
	if c.mayWriteAsMaster() {
		return nil
	}
	said, err := files.UploadExtension(u.Name, u.ContentType)
	if err != nil {
		return err
	}
	for _, extension := range [...]string{said, files.Extension(name)} {
		if !e.FilePolicy.Extensions.Allows(extension) {
			return parse.NewError(parse.FileSaveError, "File upload of extension "+extension+" is disabled.")
		}
	}
	return nil
}

// admitFile decides whether a caller is among an audience.
func (e *Engine) admitFile(ctx context.Context, c Caller, a FileAudience, code parse.Code, what string) error {
	var who string
	switch {
	case c.Master():
		return nil
	case c.UserID == "":
		if a.Public {
			return nil
		}
		who = "public"
	case a.Anonymous && a.Authenticated:
		return nil
	default:
		anonymous, err := e.anonymous(ctx, c.UserID)
		if err != nil {
			return err
		}
		if anonymous && a.Anonymous || !anonymous && a.Authenticated {
			return nil
		}
		if who = "authenticated user"; anonymous {
			who = "anonymous user"
		}
	}
	return parse.NewError(code, what+who+" is disabled.")
}

// anonymous tells whether a user has signed up as nobody in particular.
func (e *Engine) anonymous(ctx context.Context, user string) (bool, error) {
	n, err := e.Store.Count(ctx, "_User", store.Count{Limit: 1, Filter: bson.D{
		{Key: "_id", Value: user}, {Key: parse.AuthDataName("anonymous"), Value: bson.D{{Key: "$exists", Value: true}}}}})
	return n > 0, storeError(err)
}

// File tells about a file that the caller may read; see API.
func (e *Engine) File(ctx context.Context, c Caller, name string) (files.Info, error) {
	if e.Files == nil {
		return files.Info{}, errNoFile
	}
	if err := e.admitFile(ctx, c, e.FilePolicy.Download, parse.OperationForbidden, "File download by "); err != nil {
		return files.Info{}, err
	}
	if !files.ValidStored(name) {
		return files.Info{}, errFileNotFound
	}
	info, err := e.Files.Stat(ctx, name)
	if errors.Is(err, files.ErrNotFound) {
		return info, errFileNotFound
	}
	return info, storeError(err)
}

// OpenFile reads a file that File has told about; see API.
func (e *Engine) OpenFile(ctx context.Context, info files.Info) io.ReadSeekCloser {
	return files.NewReader(ctx, e.Files, info)
}

// FileLink is where clients read a file from; see API.
func (e *Engine) FileLink(ctx context.Context, info files.Info) (string, error) {
	linker, ok := e.Files.(files.Linker)
	if !ok {
		return "", nil
	}
	link, err := linker.Link(ctx, info.Name)
	return link, storeError(err)
}

// DeleteFile removes a file; see API.
func (e *Engine) DeleteFile(ctx context.Context, c Caller, name string) error {
	if c.Scope == ScopeReadOnlyMaster {
		return e.forbidden("read-only masterKey isn't allowed to delete a file.")
	}
	if err := e.requireMaster(c); err != nil {
		return err
	}
	if e.Files == nil {
		return errNoFile
	}
	err := files.ErrNotFound
	if files.ValidStored(name) {
		err = e.Files.Delete(ctx, name)
	}
	if errors.Is(err, files.ErrNotFound) {
		return parse.NewError(parse.FileDeleteError, "There is no file of this name.")
	}
	return storeError(err)
}
