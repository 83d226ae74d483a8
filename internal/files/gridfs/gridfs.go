// Package gridfs keeps files in the document store, in the bucket "fs" as Parse
// Server's default adapter and MongoDB's drivers do: fs.files has a document for
// each file, fs.chunks its content in pieces.
package gridfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// The bucket's collections and the size of a piece, in bytes, as GridFS's
// specification has them.
const (
	filesCollection  = "fs.files"
	chunksCollection = "fs.chunks"
	chunkSize        = 255 << 10
)

// batch is how many pieces are read or written at a time.
const batch = 4

// Storage is the bucket as files.Storage. A file is there with its document in
// fs.files, which comes when all its pieces are stored.
type Storage struct {
	store   store.Store
	indexed sync.Mutex
	done    bool // the indexes are there
}

var _ files.Storage = (*Storage)(nil)

// New returns the bucket of a store. The store stays its owner's to close.
func New(s store.Store) *Storage { return &Storage{store: s} }

// index makes the bucket's indexes, which its first file does.
func (s *Storage) index(ctx context.Context) error {
	s.indexed.Lock()
	defer s.indexed.Unlock()
	if s.done {
		return nil
	}
	err := s.store.CreateIndexes(ctx, filesCollection, store.Index{
		Name: "filename_1_uploadDate_1", Keys: bson.D{{Key: "filename", Value: int32(1)}, {Key: "uploadDate", Value: int32(1)}}})
	if err == nil {
		err = s.store.CreateIndexes(ctx, chunksCollection, store.Index{
			Name: "files_id_1_n_1", Keys: bson.D{{Key: "files_id", Value: int32(1)}, {Key: "n", Value: int32(1)}}, Unique: true})
	}
	s.done = err == nil
	return err
}

// Create implements files.Storage.
func (s *Storage) Create(ctx context.Context, name string, about files.About, content io.Reader) error {
	if err := s.index(ctx); err != nil {
		return err
	}
	id := bson.NewObjectID()
	size, err := s.writeChunks(ctx, id, content)
	if err == nil {
		err = s.writeFile(ctx, id, name, size, about)
	}
	if err != nil {
		// The request may be over, and its pieces must go all the same.
		return errors.Join(err, s.deleteChunks(context.WithoutCancel(ctx), id))
	}
	_, err = s.remove(ctx, bson.D{{Key: "filename", Value: name}, {Key: "_id", Value: bson.D{{Key: "$ne", Value: id}}}})
	return err
}

func (s *Storage) writeChunks(ctx context.Context, id bson.ObjectID, content io.Reader) (size int64, err error) {
	buffer := make([]byte, chunkSize)
	var docs []bson.Raw
	for n := int32(0); err == nil; n++ {
		var read int
		read, err = io.ReadFull(content, buffer)
		if read > 0 && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) {
			doc, marshalErr := bson.Marshal(bson.D{
				{Key: "_id", Value: bson.NewObjectID()}, {Key: "files_id", Value: id}, {Key: "n", Value: n},
				{Key: "data", Value: bson.Binary{Data: buffer[:read]}},
			})
			if marshalErr != nil {
				return 0, marshalErr
			}
			docs = append(docs, doc)
			size += int64(read)
		}
		if len(docs) == batch || err != nil && len(docs) > 0 {
			if err := s.store.Insert(ctx, chunksCollection, docs...); err != nil {
				return 0, err
			}
			docs = docs[:0]
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	return size, ctx.Err()
}

func (s *Storage) writeFile(ctx context.Context, id bson.ObjectID, name string, size int64, about files.About) error {
	doc := bson.D{
		{Key: "_id", Value: id}, {Key: "length", Value: size}, {Key: "chunkSize", Value: int32(chunkSize)},
		{Key: "uploadDate", Value: bson.NewDateTimeFromTime(time.Now())}, {Key: "filename", Value: name},
	}
	if about.ContentType != "" {
		doc = append(doc, bson.E{Key: "contentType", Value: about.ContentType})
	}
	for _, part := range [...]struct {
		key string
		of  *parse.Object
	}{{"metadata", about.Metadata}, {"tags", about.Tags}} {
		if part.of != nil {
			doc = append(doc, bson.E{Key: part.key, Value: parse.ToBSON(part.of)})
		}
	}
	raw, err := bson.Marshal(doc)
	if err != nil {
		return err
	}
	return s.store.Insert(ctx, filesCollection, raw)
}

// file is a document of fs.files.
type file struct {
	id        bson.RawValue
	chunkSize int64
	files.Info
}

// newest is the file of that name: when there are several, the latest.
func (s *Storage) newest(ctx context.Context, name string) (file, error) {
	var found bson.Raw
	err := s.store.Find(ctx, filesCollection, store.Find{
		Filter: bson.D{{Key: "filename", Value: name}},
		Sort:   bson.D{{Key: "uploadDate", Value: -1}, {Key: "_id", Value: -1}}, Limit: 1,
	}, func(doc bson.Raw) error {
		found = append(bson.Raw(nil), doc...)
		return nil
	})
	if err != nil {
		return file{}, err
	}
	if found == nil {
		return file{}, files.ErrNotFound
	}
	return fileOf(found)
}

var errDocument = errors.New("files: a document of fs.files lacks what GridFS says it has")

func fileOf(doc bson.Raw) (file, error) {
	f := file{id: doc.Lookup("_id")}
	name, named := doc.Lookup("filename").StringValueOK()
	length, sized := doc.Lookup("length").AsInt64OK()
	chunk, pieces := doc.Lookup("chunkSize").AsInt64OK()
	if !named || !sized || !pieces || chunk <= 0 {
		return f, errDocument
	}
	f.Name, f.Size, f.chunkSize = name, length, chunk
	if uploaded, ok := doc.Lookup("uploadDate").DateTimeOK(); ok {
		f.Modified = time.UnixMilli(uploaded)
	}
	f.ETag = fmt.Sprintf(`"%x-%x"`, f.id.Value, f.Size)
	f.ContentType, _ = doc.Lookup("contentType").StringValueOK()
	f.Metadata, f.Tags = objectOf(doc.Lookup("metadata")), objectOf(doc.Lookup("tags"))
	return f, nil
}

// objectOf is an embedded document; what is none is nothing.
func objectOf(v bson.RawValue) *parse.Object {
	object, _ := parse.FromBSON(v).(*parse.Object)
	return object
}

// Stat implements files.Storage.
func (s *Storage) Stat(ctx context.Context, name string) (files.Info, error) {
	f, err := s.newest(ctx, name)
	return f.Info, err
}

// Open implements files.Storage.
func (s *Storage) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	f, err := s.newest(ctx, name)
	if err != nil {
		return nil, err
	}
	return &reader{ctx: ctx, store: s.store, file: f, offset: offset}, nil
}

// reader reads a file's pieces, some at a time: no query waits for who reads.
type reader struct {
	ctx    context.Context
	store  store.Store
	file   file
	offset int64
	chunk  []byte // what is read of the pieces, from offset on
}

var errPieces = errors.New("files: pieces of the file are missing")

func (r *reader) Read(p []byte) (int, error) {
	if r.offset >= r.file.Size {
		return 0, io.EOF
	}
	if len(r.chunk) == 0 {
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	r.offset += int64(n)
	return n, nil
}

// fetch reads the pieces from offset on.
func (r *reader) fetch() error {
	n := r.offset / r.file.chunkSize
	skip := r.offset % r.file.chunkSize
	r.chunk = r.chunk[:0]
	err := r.store.Find(r.ctx, chunksCollection, store.Find{
		Filter: bson.D{{Key: "files_id", Value: r.file.id}, {Key: "n", Value: bson.D{{Key: "$gte", Value: n}}}},
		Sort:   bson.D{{Key: "n", Value: 1}}, Limit: batch,
	}, func(doc bson.Raw) error {
		number, numbered := doc.Lookup("n").AsInt64OK()
		_, data, ok := doc.Lookup("data").BinaryOK()
		want := min(r.file.chunkSize, r.file.Size-n*r.file.chunkSize)
		if !ok || !numbered || number != n || int64(len(data)) != want {
			return errPieces
		}
		r.chunk = append(r.chunk, data...)
		n++
		return nil
	})
	if err == nil && int64(len(r.chunk)) <= skip {
		err = errPieces
	}
	if err != nil {
		r.chunk = nil
		return err
	}
	r.chunk = r.chunk[skip:]
	return nil
}

func (r *reader) Close() error { return nil }

// Delete implements files.Storage.
func (s *Storage) Delete(ctx context.Context, name string) error {
	n, err := s.remove(ctx, bson.D{{Key: "filename", Value: name}})
	if err == nil && n == 0 {
		err = files.ErrNotFound
	}
	return err
}

// remove deletes the files that satisfy a filter: first the documents, so that
// nobody begins to read what is going.
func (s *Storage) remove(ctx context.Context, filter bson.D) (n int, err error) {
	for {
		doc, err := s.store.FindAndDelete(ctx, filesCollection, filter)
		if errors.Is(err, store.ErrNotFound) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
		if err := s.deleteChunks(context.WithoutCancel(ctx), doc.Lookup("_id")); err != nil {
			return n, err
		}
	}
}

func (s *Storage) deleteChunks(ctx context.Context, id any) error {
	_, err := s.store.Delete(ctx, chunksCollection, bson.D{{Key: "files_id", Value: id}}, true)
	return err
}

// List implements files.Storage. It reads some files at a time, in the order of
// their names, so that yield may take its time and call the storage.
func (s *Storage) List(ctx context.Context, yield func(files.Info) error) error {
	const page = 256
	filter := bson.D{}
	for {
		var found []files.Info
		err := s.store.Find(ctx, filesCollection, store.Find{
			Filter: filter, Limit: page, Sort: bson.D{{Key: "filename", Value: 1}, {Key: "uploadDate", Value: 1}},
		}, func(doc bson.Raw) error {
			f, err := fileOf(doc)
			if err == nil {
				found = append(found, f.Info)
			}
			return err
		})
		if err != nil {
			return err
		}
		for i, info := range found {
			if i+1 < len(found) && found[i+1].Name == info.Name {
				continue // an older one of the name
			}
			if err := yield(info); err != nil {
				return err
			}
		}
		if len(found) < page {
			return nil
		}
		filter = bson.D{{Key: "filename", Value: bson.D{{Key: "$gt", Value: found[len(found)-1].Name}}}}
	}
}

// Close implements files.Storage.
func (s *Storage) Close(context.Context) error { return nil }
