package parse

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// valueWriter writes stored values as Parse JSON. Its methods append nothing for
// a value that is not to be shown.
type valueWriter struct {
	fileURL func(dst []byte, name string) []byte
	depth   int
}

// column appends the value of a top-level element. What has not the form of its
// column is shown by its BSON type.
func (w *valueWriter) column(dst []byte, as columnKind, kind bson.Type, b []byte, e *Expansion) ([]byte, error) {
	switch as {
	case columnID:
		return appendID(dst, kind, b), nil
	case columnResultID, columnResultPointer:
		// What is empty counts as nothing, as in parse-server.
		switch {
		case kind == bson.TypeString && as == columnResultPointer:
			_, id, _ := bytes.Cut(stringBytes(b), []byte{'$'})
			return AppendString(dst, id), nil
		case kind == bson.TypeString && len(stringBytes(b)) == 0,
			(kind == bson.TypeEmbeddedDocument || kind == bson.TypeArray) && len(b) == emptyDocument:
			return append(dst, "null"...), nil
		}
	case columnTimestamp:
		if kind == bson.TypeDateTime {
			dst = AppendDate(append(dst, '"'), int64Of(b))
			return append(dst, '"'), nil
		}
	case columnPointer:
		if kind == bson.TypeString {
			if class, id, ok := bytes.Cut(stringBytes(b), []byte{'$'}); ok {
				return w.pointer(dst, class, id, e)
			}
		}
		return dst, nil
	case columnFile:
		if kind == bson.TypeString {
			return w.file(dst, stringBytes(b)), nil
		}
	case columnGeoPoint:
		if p, ok := geoPointOf(kind, b); ok {
			return appendGeoPoint(dst, p), nil
		}
	case columnPolygon:
		if ring, ok := geoJSONRing(kind, b); ok {
			return appendGeoJSONRing(dst, ring), nil
		}
	case columnBytes:
		if kind == bson.TypeString {
			dst = AppendString(append(dst, `{"__type":"Bytes","base64":`...), stringBytes(b))
			return append(dst, '}'), nil
		}
	}
	return w.value(dst, kind, b, e)
}

// appendID appends objectId, which is a string whatever it is stored as.
func appendID(dst []byte, kind bson.Type, b []byte) []byte {
	switch kind {
	case bson.TypeString:
		return AppendString(dst, stringBytes(b))
	case bson.TypeObjectID:
		return appendHex(dst, b)
	}
	f, _ := numberOf(kind, b)
	return append(appendNumber(append(dst, '"'), f), '"')
}

// emptyDocument is the length of a document or array that has nothing in it.
const emptyDocument = 5

func appendHex(dst, b []byte) []byte {
	dst = hex.AppendEncode(append(dst, '"'), b)
	return append(dst, '"')
}

func (w *valueWriter) file(dst, name []byte) []byte {
	dst = AppendString(append(dst, `{"__type":"File","name":`...), name)
	if w.fileURL == nil {
		return append(dst, '}')
	}
	dst = append(dst, `,"url":"`...)
	start := len(dst)
	dst = w.fileURL(dst, string(name))
	if url := dst[start:]; plainPrefix(url) < len(url) {
		dst = AppendString(dst[:start-1], string(url))
		return append(dst, '}')
	}
	return append(dst, `"}`...)
}

// pointer appends a pointer, or the object that it points to.
func (w *valueWriter) pointer(dst, class, id []byte, e *Expansion) ([]byte, error) {
	if e == nil || e.Included == nil {
		return appendPointer(dst, class, id), nil
	}
	object, ok := e.Included[Pointer{ClassName: string(class), ObjectID: string(id)}]
	if !ok {
		return dst, nil
	}
	if err := e.Allowance.Take(len(object.Doc)); err != nil {
		return dst, err
	}
	return object.View.appendObject(dst, object.Doc, e, w.depth+1)
}

// value appends a value by its BSON type.
func (w *valueWriter) value(dst []byte, kind bson.Type, b []byte, e *Expansion) ([]byte, error) {
	switch kind {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		return AppendString(dst, stringBytes(b)), nil
	case bson.TypeBoolean:
		return strconv.AppendBool(dst, b[0] != 0), nil
	case bson.TypeInt32:
		return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(b))), 10), nil
	case bson.TypeDouble, bson.TypeInt64, bson.TypeTimestamp, bson.TypeDecimal128:
		f, ok := numberOf(kind, b)
		if !ok {
			break
		}
		return appendNumber(dst, f), nil
	case bson.TypeDateTime:
		return appendDateObject(dst, int64Of(b)), nil
	case bson.TypeEmbeddedDocument:
		return w.document(dst, b, e)
	case bson.TypeArray:
		return w.array(dst, b, e)
	case bson.TypeBinary:
		return appendBytes(dst, binaryBytes(b)), nil
	case bson.TypeObjectID:
		return appendHex(dst, b), nil
	case bson.TypeRegex:
		return AppendString(dst, b[:bytes.IndexByte(b, 0)]), nil
	}
	return append(dst, "null"...), nil
}

func (w *valueWriter) document(dst, doc []byte, e *Expansion) ([]byte, error) {
	if e != nil && e.Included != nil {
		if class, id, ok := nestedPointer(doc); ok {
			return w.pointer(dst, class, id, e)
		}
	}
	if w.depth++; w.depth > maxNesting {
		return dst, errMalformed
	}
	dst = append(dst, '{')
	isDate := false
	r := readDocument(doc)
	for r.next() {
		start := len(dst)
		dst = append(AppendString(dst, r.key), ':')
		n := len(dst)
		var err error
		switch {
		case string(r.key) == "__type" && r.kind == bson.TypeString:
			isDate = string(stringBytes(r.value)) == "Date"
			dst = AppendString(dst, stringBytes(r.value))
		case isDate && string(r.key) == "iso" && r.kind == bson.TypeDateTime:
			dst = append(AppendDate(append(dst, '"'), int64Of(r.value)), '"')
		default:
			var child *Expansion
			if e != nil {
				child = e.Children[string(r.key)]
			}
			dst, err = w.value(dst, r.kind, r.value, child)
		}
		if err != nil {
			return dst, err
		}
		if len(dst) == n {
			dst = dst[:start]
			continue
		}
		dst = append(dst, ',')
	}
	if r.failed {
		return dst, errMalformed
	}
	w.depth--
	return closeWith(dst, '}'), nil
}

func (w *valueWriter) array(dst, doc []byte, e *Expansion) ([]byte, error) {
	if w.depth++; w.depth > maxNesting {
		return dst, errMalformed
	}
	dst = append(dst, '[')
	r := readDocument(doc)
	for r.next() {
		n := len(dst)
		var err error
		if dst, err = w.value(dst, r.kind, r.value, e); err != nil {
			return dst, err
		}
		if len(dst) > n {
			dst = append(dst, ',')
		}
	}
	if r.failed {
		return dst, errMalformed
	}
	w.depth--
	return closeWith(dst, ']'), nil
}

// geoPointOf reads [longitude, latitude].
func geoPointOf(kind bson.Type, b []byte) (GeoPoint, bool) {
	if kind != bson.TypeArray {
		return GeoPoint{}, false
	}
	var pair [2]float64
	n := 0
	for r := readDocument(b); r.next(); n++ {
		f, ok := numberOf(r.kind, r.value)
		if !ok || n > 1 {
			return GeoPoint{}, false
		}
		pair[n] = f
	}
	return GeoPoint{Latitude: pair[1], Longitude: pair[0]}, n == 2
}

// geoJSONRing returns the outer ring of a stored GeoJSON polygon, once all of its
// points are known to be points.
func geoJSONRing(kind bson.Type, b []byte) ([]byte, bool) {
	if kind != bson.TypeEmbeddedDocument {
		return nil, false
	}
	kind, rings, ok := lookup(b, "coordinates")
	if !ok || kind != bson.TypeArray {
		return nil, false
	}
	kind, ring, ok := lookup(rings, "0")
	if !ok || kind != bson.TypeArray {
		return nil, false
	}
	r := readDocument(ring)
	for r.next() {
		if _, ok := geoPointOf(r.kind, r.value); !ok {
			return nil, false
		}
	}
	return ring, !r.failed
}

func appendGeoJSONRing(dst, ring []byte) []byte {
	dst = append(dst, `{"__type":"Polygon","coordinates":[`...)
	for r := readDocument(ring); r.next(); {
		p, _ := geoPointOf(r.kind, r.value)
		dst = appendNumber(append(dst, '['), p.Latitude)
		dst = appendNumber(append(dst, ','), p.Longitude)
		dst = append(dst, ']', ',')
	}
	return append(closeWith(dst, ']'), '}')
}
