package match

import (
	"bytes"
	"slices"

	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// MongoDB's codes for what geo indexes can't hold.
const (
	codeCannotBuildIndexKeys = 201
	codeLegacyPoint          = 13026
	codeOutsideGrid          = 13027
	codeHalfPoint            = 13068
	codeTwoPlaces            = 16800
	codePlaceNotFirst        = 16801
	codeNoGeoKeys            = 16755
	codeNoLocation           = 16804
)

// maxGeoKeys bounds the keys of one document in one index.
const maxGeoKeys = 100_000

// GeoIndexer makes the keys that a 2d or a 2dsphere index holds for a document.
//
// The key of a place is rankPlace and 8 bytes: in a 2d index the number of the
// point's cell in the grid, in a 2dsphere index the id of an S2 cell, which for a
// point is a leaf and for other geometries one of a covering. The other fields of
// the index have their usual keys. A document has all combinations of its
// fields' keys; it has none if it has no place.
type GeoIndexer struct {
	fields  []geoField
	sphere  bool
	partial *Matcher // nil means all documents
}

type geoField struct {
	path  path
	place bool
	// values makes the keys of a field that is no place.
	values pattern
}

// IsGeo tells whether keys are those of a geo index.
func IsGeo(keys bson.D) bool {
	return slices.ContainsFunc(keys, func(e bson.E) bool { return e.Value == "2d" || e.Value == "2dsphere" })
}

// CompileGeoIndex compiles a 2d or a 2dsphere index.
func CompileGeoIndex(ix store.Index) (*GeoIndexer, error) {
	if len(ix.Keys) > maxIndexFields {
		return nil, store.BadRequest(codeCannotCreateIndex, "an index has at most %d fields", maxIndexFields)
	}
	x := &GeoIndexer{}
	collation := CollationOf(ix.CaseInsensitive)
	kind := ""
	places := 0
	for i, e := range ix.Keys {
		name, special := e.Value.(string)
		if special && kind != "" && name != kind {
			return nil, store.BadRequest(codeCannotCreateIndex, "Can't use more than one index plugin for a single index")
		}
		f := geoField{place: special}
		var err error
		if special {
			kind = name
			places++
			f.path, err = compilePath(e.Key)
		} else {
			f.values.collation = collation
			var descending bool
			if descending, err = indexDirection(e); err == nil {
				err = f.values.add(e.Key, descending)
			}
		}
		switch {
		case err != nil:
			return nil, err
		case kind == "2d" && places == 2:
			return nil, store.BadRequest(codeTwoPlaces, "can't have 2 geo fields")
		case kind == "2d" && special && i > 0:
			return nil, store.BadRequest(codePlaceNotFirst, "2d has to be first in index")
		}
		x.fields = append(x.fields, f)
	}
	x.sphere = kind == "2dsphere"
	if ix.CaseInsensitive && !x.sphere {
		return nil, store.BadRequest(codeCannotCreateIndex, "Index type '2d' does not support collation")
	}
	if ix.Partial != nil {
		partial, err := collation.Compile(ix.Partial)
		if err != nil {
			return nil, err
		}
		x.partial = partial
	}
	return x, nil
}

// Sphere tells whether the index is a 2dsphere index.
func (x *GeoIndexer) Sphere() bool { return x.sphere }

// Place tells whether the i-th field of the index is a place.
func (x *GeoIndexer) Place(i int) bool { return x.fields[i].place }

// AppendKeys appends the document's keys to dst, in order and each once. A place
// that such an index can't hold is an error.
func (x *GeoIndexer) AppendKeys(dst [][]byte, doc bson.Raw) ([][]byte, error) {
	if x.partial != nil && !x.partial.Match(doc) {
		return dst, nil
	}
	placed := false
	sets := make([][][]byte, len(x.fields))
	count := 1
	for i := range x.fields {
		f := &x.fields[i]
		keys, err := x.fieldKeys(f, doc)
		if err != nil {
			return dst, err
		}
		placed = placed || f.place && len(keys) > 0
		if len(keys) == 0 {
			keys = [][]byte{{byte(rankNull)}}
		}
		if count *= len(keys); count > maxGeoKeys {
			return dst, store.BadRequest(codeCannotBuildIndexKeys, "a document has more than %d keys in an index", maxGeoKeys)
		}
		sets[i] = keys
	}
	if !placed {
		return dst, nil
	}
	start := len(dst)
	dst = append(dst, combinations(sets)...)
	return dst[:start+len(distinct(dst[start:]))], nil
}

func distinct(keys [][]byte) [][]byte {
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

func combinations(sets [][][]byte) [][]byte {
	keys := sets[0]
	for _, set := range sets[1:] {
		longer := make([][]byte, 0, len(keys)*len(set))
		for _, k := range keys {
			for _, more := range set {
				longer = append(longer, slices.Concat(k, more))
			}
		}
		keys = longer
	}
	return keys
}

// fieldKeys returns the keys of one field, of a place none if it is missing.
func (x *GeoIndexer) fieldKeys(f *geoField, doc bson.Raw) ([][]byte, error) {
	var keys [][]byte
	switch {
	case !f.place:
		err := f.values.expand(doc, func(values []value, _ int) {
			keys = append(keys, f.values.appendValues(nil, values))
		})
		return distinct(keys), err
	case x.sphere:
		return sphereKeys(f.path, doc)
	}
	return gridKeys(f.path, doc)
}

// collector keeps the values that a path leads to. An array at its end is one.
type collector struct{ values []value }

func (c *collector) test(v value) bool {
	if v.kind != 0 {
		c.values = append(c.values, v)
	}
	return false
}

// sphereKeys returns the cells of the geometries at the path.
func sphereKeys(p path, doc []byte) ([][]byte, error) {
	var at collector
	p.some(doc, false, &at)
	if len(at.values) == 1 && isNothing(at.values[0]) {
		return nil, nil
	}
	var keys [][]byte
	for _, v := range at.values {
		var g geometry
		if err := g.read(v); err != nil {
			return nil, store.BadRequest(codeNoGeoKeys, "Can't extract geo keys: %v", err)
		}
		for _, c := range g.cells() {
			keys = append(keys, appendCell(nil, uint64(c)))
		}
	}
	return distinct(keys), nil
}

// isNothing tells whether a 2dsphere index takes a value as missing.
func isNothing(v value) bool {
	switch v.kind {
	case bson.TypeNull, bson.TypeUndefined:
		return true
	case bson.TypeArray, bson.TypeEmbeddedDocument:
		return len(v.data) == len(emptyDocument)
	}
	return false
}

// maxCovering bounds the cells of a geometry that is no point.
const maxCovering = 20

// cells returns the cells that a geometry is indexed by. They are in files, so
// that they must stay what they are for a geometry.
func (g geometry) cells() []s2.CellID {
	if len(g.points) == 1 && len(g.lines)+len(g.areas) == 0 {
		return []s2.CellID{leafCell(g.points[0])}
	}
	coverer := s2.RegionCoverer{MaxLevel: s2.MaxLevel, LevelMod: 1, MaxCells: maxCovering}
	return coverer.Covering(g.regions())
}

func leafCell(p s2.Point) s2.CellID { return s2.CellFromPoint(p).ID() }

// gridKeys returns the cells of the legacy points at the path: of each value one
// or, if its first element is no number, those of its elements.
func gridKeys(p path, doc []byte) ([][]byte, error) {
	var at collector
	p.some(doc, false, &at)
	var keys [][]byte
	for _, v := range at.values {
		if v.kind != bson.TypeArray && v.kind != bson.TypeEmbeddedDocument {
			continue
		}
		e := elements(v.data)
		_, item, ok := e.next()
		if ok && item.isNumber() {
			key, err := gridKey(v)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
			continue
		}
		for ; ok; _, item, ok = e.next() {
			if item.kind != bson.TypeArray && item.kind != bson.TypeEmbeddedDocument {
				return nil, store.BadRequest(codeNoLocation, "location object expected, location array not in correct format")
			}
			if isNothing(item) {
				continue
			}
			key, err := gridKey(item)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	return distinct(keys), nil
}

func gridKey(v value) ([]byte, error) {
	e := elements(v.data)
	_, x, _ := e.next()
	_, y, ok := e.next()
	if !ok {
		return nil, store.BadRequest(codeHalfPoint, "geo field only has 1 element")
	}
	if !x.isNumber() || !y.isNumber() {
		return nil, store.BadRequest(codeLegacyPoint, "geo values must be 'legacy coordinate pairs' for 2d indexes")
	}
	p, ok := legacyPoint(v)
	if !ok || !p.inGrid() {
		return nil, store.BadRequest(codeOutsideGrid, "point not in interval of [ %v, %v ]", gridLow, gridHigh)
	}
	return appendCell(nil, p.cell()), nil
}

// Arrays returns, as bits, for which fields of the index the document may have
// several keys.
func (x *GeoIndexer) Arrays(doc bson.Raw) uint64 {
	var several uint64
	for i := range x.fields {
		if x.fields[i].several(doc, x.sphere) {
			several |= 1 << i
		}
	}
	if several != 0 && x.partial != nil && !x.partial.Match(doc) {
		return 0
	}
	return several
}

func (f *geoField) several(doc []byte, sphere bool) bool {
	if !f.place {
		v, _ := f.values.fields[0].path.descend(doc, 0)
		return v.kind == bson.TypeArray
	}
	var at collector
	f.path.some(doc, false, &at)
	if len(at.values) != 1 {
		return len(at.values) > 1
	}
	v := at.values[0]
	if v.kind != bson.TypeArray && v.kind != bson.TypeEmbeddedDocument {
		return false
	}
	e := elements(v.data)
	_, first, _ := e.next()
	if first.isNumber() || !sphere {
		return !first.isNumber()
	}
	kind := find(v.data, "type")
	return kind.isString() && string(kind.text()) != "Point"
}
