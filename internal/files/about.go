package files

import (
	"github.com/loam-baas/loam/internal/parse"
)

// aboutLimits bound what is decoded of a file's metadata: it was checked when it
// was stored.
var aboutLimits = parse.Limits{Depth: 32, Keys: 1 << 12}

// JSON is what is known about a file as one object, for drivers that keep it as
// a text of their own.
func (a About) JSON() []byte {
	o := &parse.Object{}
	if a.ContentType != "" {
		o.Set("contentType", parse.String(a.ContentType))
	}
	if a.Metadata != nil {
		o.Set("metadata", a.Metadata)
	}
	if a.Tags != nil {
		o.Set("tags", a.Tags)
	}
	return parse.AppendJSON(nil, o)
}

// AboutOf reads what JSON wrote. What it can't read is not known.
func AboutOf(json []byte) About {
	var a About
	o, err := parse.DecodeObject(json, aboutLimits)
	if err != nil {
		return a
	}
	if text, ok := member[parse.String](o, "contentType"); ok {
		a.ContentType = string(text)
	}
	a.Metadata, _ = member[*parse.Object](o, "metadata")
	a.Tags, _ = member[*parse.Object](o, "tags")
	return a
}

func member[T parse.Value](o *parse.Object, key string) (T, bool) {
	v, _ := o.Get(key)
	t, ok := v.(T)
	return t, ok
}
