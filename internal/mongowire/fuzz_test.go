package mongowire

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/embedded"
)

// FuzzCommand runs commands made of random members and values. None may panic or
// be the server's own failure, and every reply must be a document.
func FuzzCommand(f *testing.F) {
	for i := range len(commandNames()) {
		f.Add([]byte{byte(i)})
		f.Add(append([]byte{byte(i)}, bytes.Repeat([]byte{byte(i), 3, 40, 7, 90}, 20)...))
	}
	db, err := embedded.Open(f.Context(), embedded.Options{Dir: f.TempDir(), Durability: embedded.Normal, SweepInterval: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close(context.Background()) })
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		names, err := db.Collections(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := db.DropCollection(ctx, name); err != nil {
				t.Fatal(err)
			}
		}
		s := New(Single{Name: "test", Database: db}, Options{})
		defer func() {
			s.sessions.close()
			s.cursors.close()
		}()
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		conn := &connection{Server: s, id: 1, address: "127.0.0.1:1", conn: near}
		source := &source{data: data}
		for range 4 {
			raw, err := bson.Marshal(source.command())
			if err != nil {
				continue // BSON has no such name, of a member or in a pattern
			}
			short, cancel := context.WithTimeout(ctx, time.Second)
			reply := conn.answer(short, &request{id: 1, body: raw})
			cancel()
			if err := reply.Validate(); err != nil {
				t.Fatalf("%s\n answered %x: %v", bson.Raw(raw), []byte(reply), err)
			}
			code, _ := reply.Lookup("code").AsInt64OK()
			if code == codeInternalError || code == codeUnknownError {
				t.Fatalf("%s\n answered %s", bson.Raw(raw), reply)
			}
		}
	})
}

func commandNames() []string { return slices.Sorted(maps.Keys(handlers)) }

// source makes commands of bytes. When it has come to their end, all that it
// makes is the first of its kind.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) pick(n int) int { return int(s.byte()) % n }

// command is one that mostly has the members that it may have.
func (s *source) command() bson.D {
	names := commandNames()
	name := names[s.pick(len(names))]
	var subject any = "c"
	if s.pick(8) == 7 {
		subject = s.value(3)
	}
	d := bson.D{{Key: name, Value: subject}}
	members := slices.Sorted(maps.Keys(handlers[name].members))
	for range s.pick(8) {
		key := s.key()
		if len(members) > 0 && s.pick(8) > 0 {
			key = members[s.pick(len(members))]
		}
		if key != name && key != "$db" {
			d = append(d, bson.E{Key: key, Value: s.valueOf(key)})
		}
	}
	return append(d, bson.E{Key: "$db", Value: "test"})
}

// valueOf is a value for a member, mostly of the kind that it wants.
func (s *source) valueOf(key string) any {
	if s.pick(8) == 7 {
		return s.value(3)
	}
	switch key {
	case "documents", "indexes", "updates", "deletes", "pipeline", "arrayFilters":
		list := bson.A{}
		for range 1 + s.pick(3) {
			list = append(list, s.statement(key))
		}
		return list
	case "update":
		return s.change()
	case "filter", "query", "sort", "projection", "cursor", "collation", "fields", "index", "let":
		return s.document(3)
	case "lsid":
		return bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: make([]byte, 16)}}}
	case "txnNumber", "getMore":
		return int64(s.byte())
	case "autocommit":
		return false
	case "startTransaction", "multi", "upsert", "new", "remove", "ordered":
		return s.pick(2) == 1
	case "maxTimeMS":
		return int32(1 + s.pick(20))
	}
	return s.value(3)
}

func (s *source) statement(key string) any {
	var d bson.D
	switch key {
	case "updates":
		d = bson.D{{Key: "q", Value: s.document(3)}, {Key: "u", Value: s.change()}, {Key: "multi", Value: s.pick(2) == 1}, {Key: "upsert", Value: s.pick(2) == 1}}
	case "deletes":
		d = bson.D{{Key: "q", Value: s.document(3)}, {Key: "limit", Value: int32(s.pick(2))}}
	case "indexes":
		d = bson.D{{Key: "key", Value: s.document(1)}, {Key: "name", Value: s.key()}}
	case "pipeline":
		return bson.D{{Key: stageNames[s.pick(len(stageNames))], Value: s.value(3)}}
	default:
		return s.document(3)
	}
	if s.pick(4) == 3 {
		d = append(d, bson.E{Key: s.key(), Value: s.value(2)})
	}
	return d
}

// change is what an update does: a document, one with paths into arrays, or a
// pipeline.
func (s *source) change() any {
	switch s.pick(4) {
	case 2:
		operator := []string{"$set", "$unset", "$inc", "$push", "$rename"}[s.pick(5)]
		path := []string{"a.$", "a.$[]", "a.$[x]", "a.$[].b", "a.$.b.$[x]", "a.$[x].$[]"}[s.pick(6)]
		return bson.D{{Key: operator, Value: bson.D{{Key: path, Value: s.value(2)}, {Key: s.key(), Value: s.value(2)}}}}
	case 3:
		return s.valueOf("pipeline")
	}
	return s.document(3)
}

func (s *source) document(depth int) bson.D {
	d := bson.D{}
	for range s.pick(4) {
		d = append(d, bson.E{Key: s.key(), Value: s.value(depth - 1)})
	}
	return d
}

var stageNames = []string{
	"$match", "$sort", "$skip", "$limit", "$project", "$count", "$group", "$unwind", "$lookup", "$addFields", "$set", "$unset",
	"$replaceRoot", "$sample", "$facet", "$bucket", "$sortByCount", "$graphLookup", "$geoNear", "$unionWith", "$documents",
	"$changeStream", "$collStats", "$currentOp", "$indexStats", "$out", "$merge", "$redact",
}

var fuzzKeys = []string{
	"a", "_id", "b", "a.b", "a.0", "c.d.e", "", "0", "$set", "$unset", "$inc", "$push", "$pull", "$addToSet", "$pop", "$min", "$max", "$mul",
	"$rename", "$currentDate", "$setOnInsert", "$bit", "$each", "$slice", "$position", "$sort", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte",
	"$in", "$nin", "$all", "$elemMatch", "$size", "$exists", "$type", "$mod", "$regex", "$options", "$not", "$and", "$or", "$nor", "$expr",
	"$text", "$search", "$where", "$near", "$nearSphere", "$geometry", "$geoWithin", "$geoIntersects", "$box", "$center", "$centerSphere",
	"$polygon", "$maxDistance", "type", "coordinates", "$meta", "$natural", "$comment", "$jsonSchema", "$bitsAllSet", "$sum", "$avg",
	"$first", "$concat", "$cond", "$literal", "$dateToString", "$map", "$reduce", "input", "in", "as", "from", "localField", "foreignField",
	"locale", "strength", "unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "batchSize", "resumeAfter", "_data",
	"startAfter", "fullDocument", "storageStats", "key", "keyPattern", "name", "path", "id", "level", "w", "$", "a.$", "a.$[]", "a.$[x]",
	"x", "x.a",
}

func (s *source) key() string { return fuzzKeys[s.pick(len(fuzzKeys))] }

func (s *source) value(depth int) any {
	kind := s.pick(20)
	if depth <= 0 && kind < 6 {
		kind += 6
	}
	switch kind {
	case 0, 1, 2, 3:
		return s.document(depth)
	case 4, 5:
		list := bson.A{}
		for range s.pick(5) {
			list = append(list, s.value(depth-1))
		}
		return list
	case 6, 7:
		return int32(int8(s.byte()))
	case 8:
		b := make([]byte, 8)
		for i := range b {
			b[i] = s.byte()
		}
		return int64(binary.LittleEndian.Uint64(b))
	case 9:
		return []float64{0, math.Copysign(0, -1), 1.5, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 5e-324, 1 << 53}[s.pick(10)]
	case 10:
		return "$" + s.key()
	case 11, 12:
		return s.key()
	case 13:
		return s.pick(2) == 1
	case 14:
		return nil
	case 15:
		return bson.ObjectID{s.byte()}
	case 16:
		return []bson.DateTime{0, math.MinInt64, math.MaxInt64, 1_700_000_000_000}[s.pick(4)]
	case 17:
		return bson.Regex{Pattern: []string{"a", "^a", "(", "(?<=a)b", "[", "a{9}"}[s.pick(6)], Options: []string{"", "i", "xq"}[s.pick(3)]}
	case 18:
		return bson.NewDecimal128(uint64(s.byte())<<56, uint64(s.byte()))
	default:
		return []any{
			bson.MinKey{}, bson.MaxKey{}, bson.Timestamp{T: uint32(s.byte()), I: 1}, bson.Binary{Subtype: s.byte(), Data: []byte{1}},
			bson.Undefined{}, bson.JavaScript("f"), bson.Symbol("s"), bson.CodeWithScope{Code: "f", Scope: bson.D{}}, bson.DBPointer{DB: "d"},
		}[s.pick(9)]
	}
}
