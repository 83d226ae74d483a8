package parse

import (
	"encoding/base64"
	"strings"
)

// typedValue returns the value that an object with a "__type" stands for, when
// it has the shape of that type. Source: the Parse REST guide, "Data types". One
// with operators beside its members, as a where may have it, stays an object, so
// that they are not lost.
func typedValue(members []Member) (Value, bool) {
	for i := range members {
		if strings.HasPrefix(members[i].Key, "$") {
			return nil, false
		}
	}
	o := Object{Members: members}
	name, _ := o.text("__type")
	switch name {
	case "Date":
		iso, _ := o.text("iso")
		ms, ok := ParseDate(iso)
		return Date(ms), ok
	case "Pointer":
		class, ok1 := o.text("className")
		id, ok2 := o.text("objectId")
		return Pointer{ClassName: class, ObjectID: id}, ok1 && ok2
	case "Relation":
		class, ok := o.text("className")
		return Relation{ClassName: class}, ok
	case "File":
		name, ok := o.text("name")
		url, _ := o.text("url")
		return File{Name: name, URL: url}, ok
	case "Bytes":
		s, ok := o.Get("base64")
		if !ok {
			return nil, false
		}
		text, ok := s.(String)
		if !ok {
			return nil, false
		}
		return decodeBytes(string(text))
	case "GeoPoint":
		lat, ok1 := o.number("latitude")
		lng, ok2 := o.number("longitude")
		return GeoPoint{Latitude: lat, Longitude: lng}, ok1 && ok2
	case "Polygon":
		c, _ := o.Get("coordinates")
		return polygonOf(c)
	}
	return nil, false
}

// text returns a member that is a string and not empty.
func (o *Object) text(key string) (string, bool) {
	v, _ := o.Get(key)
	s, ok := v.(String)
	return string(s), ok && s != ""
}

func (o *Object) number(key string) (float64, bool) {
	v, _ := o.Get(key)
	n, ok := v.(Number)
	return float64(n), ok
}

// decodeBytes reads base64 in either alphabet, padded or not, as SDKs write it.
func decodeBytes(s string) (Value, bool) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.DecodeString(s)
	return Bytes(b), err == nil
}

// polygonOf reads [[latitude, longitude], …].
func polygonOf(v Value) (Value, bool) {
	a, ok := v.(Array)
	if !ok {
		return nil, false
	}
	ring := make(Polygon, 0, len(a))
	for _, v := range a {
		pair, ok := v.(Array)
		if !ok || len(pair) != 2 {
			return nil, false
		}
		lat, ok1 := pair[0].(Number)
		lng, ok2 := pair[1].(Number)
		if !ok1 || !ok2 {
			return nil, false
		}
		ring = append(ring, GeoPoint{Latitude: float64(lat), Longitude: float64(lng)})
	}
	return ring, true
}
