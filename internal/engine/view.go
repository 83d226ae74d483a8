package engine

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
)

// mask is what a caller may not see of a class.
type mask struct {
	// hidden are the protected fields of objects to which no narrower rule applies.
	hidden []string
	// queryHidden are the fields that the caller may not filter or sort by.
	queryHidden map[string]bool
	// owners are rules that replace hidden for objects whose pointer field
	// names the caller ("userField:…").
	owners []schema.OwnerMask
	// users says that the class is _User, whose rows show to their own user what
	// they hide from others.
	users bool
}

// maskFor decides what the caller may not see of a class.
func (e *Engine) maskFor(c Caller, class *schema.Class) mask {
	if c.Scope == ScopeReadOnlyMaster { // which could write as whom it can sign in as (root cause R7)
		switch class.Name {
		case "_Session":
			return mask{hidden: []string{"sessionToken"}, queryHidden: map[string]bool{"sessionToken": true}}
		case "_User":
			return mask{hidden: []string{"authData"}, queryHidden: map[string]bool{"authData": true}}
		}
	}
	if c.Master() {
		return mask{}
	}
	hidden, owners := class.Permissions.ProtectedFieldsFor(c.UserID, c.Roles)
	m := mask{hidden: hidden, owners: owners, users: class.Name == "_User"}
	if len(hidden) > 0 || m.users {
		m.queryHidden = make(map[string]bool, len(hidden)+1)
		for _, field := range hidden {
			m.queryHidden[field] = true
		}
		if m.users { // whose authData is for each user alone
			m.queryHidden["authData"] = true
		}
	}
	return m
}

// fieldsHidden are the fields hidden in one stored object.
func (e *Engine) fieldsHidden(c Caller, m mask, doc bson.Raw) []string {
	hidden := m.hidden
	for _, owner := range m.owners {
		if slices.Contains(parse.AppendPointers(nil, doc, []string{owner.Field}), parse.Pointer{ClassName: "_User", ObjectID: c.UserID}) {
			hidden = slices.DeleteFunc(slices.Clone(hidden), func(f string) bool { return !slices.Contains(owner.Hidden, f) })
		}
	}
	if !m.users {
		return hidden
	}
	id, _ := doc.Lookup("_id").StringValueOK()
	switch own := c.UserID != "" && id == c.UserID; {
	case !own:
		return append(slices.Clip(hidden), "authData")
	case e.ProtectedFieldsOwnerExempt:
		return nil
	}
	return hidden
}

// viewKey names a view that many requests share.
type viewKey struct {
	class  *schema.Class
	hidden string
	typed  bool // as included objects are
	named  bool // as objects are that a query was redirected to
	// whole shows all of authData, as the master key sees it, and internal the
	// internal fields of users besides.
	whole, internal bool
}

// viewCache keeps views of the classes of one snapshot; a new snapshot starts a
// new cache, so that views of changed classes are let go.
type viewCache struct{ current atomic.Pointer[snapshotViews] }

type snapshotViews struct {
	of    *schema.Snapshot
	views sync.Map // viewKey → *parse.View
}

func (e *Engine) sharedView(key viewKey, hidden []string) *parse.View {
	snapshot := e.Catalog.Snapshot()
	cache := e.views.current.Load()
	if cache == nil || cache.of != snapshot {
		cache = &snapshotViews{of: snapshot}
		e.views.current.Store(cache)
	}
	if view, ok := cache.views.Load(key); ok {
		return view.(*parse.View)
	}
	view := e.newView(key, hidden, nil, nil)
	cache.views.Store(key, view)
	return view
}

func (e *Engine) newView(key viewKey, hidden, keys, excludeKeys []string) *parse.View {
	o := parse.ViewOptions{
		ClassName: key.class.Name, Fields: key.class.Types(), Hidden: make(map[string]bool, len(hidden)),
		FileURL: e.FileURL, Typed: key.typed, Named: key.named, Internal: key.internal,
	}
	if !key.whole {
		o.AuthData = e.ShowAuthData
	}
	if keys != nil {
		// A dotted key reaches into an included object; of other fields it selects
		// the whole, as in parse-server.
		o.Keys = make(map[string]bool, len(keys))
		for _, key := range keys {
			o.Keys[query.Root(key)] = true
		}
	}
	if len(excludeKeys) > 0 {
		// A dotted key excludes nothing here, as in parse-server.
		o.ExcludeKeys = make(map[string]bool, len(excludeKeys))
		for _, key := range excludeKeys {
			o.ExcludeKeys[key] = true
		}
	}
	for _, field := range hidden {
		o.Hidden[field] = true
	}
	return parse.NewView(o)
}

// viewer returns how to show each object of a read: one view for all, unless
// what is hidden depends on the object.
func (r *read) viewer(key viewKey, keys, excludeKeys []string) func(bson.Raw) *parse.View {
	e, c, m := r.engine, r.caller, r.mask
	key.whole, key.internal = c.Master(), c.Scope == ScopeMaintenance
	view := func(hidden []string) *parse.View {
		if keys != nil || len(excludeKeys) > 0 {
			return e.newView(key, hidden, keys, excludeKeys)
		}
		key.hidden = strings.Join(hidden, ",")
		return e.sharedView(key, hidden)
	}
	if !m.users && len(m.owners) == 0 {
		shared := view(m.hidden)
		return func(bson.Raw) *parse.View { return shared }
	}
	made := make(map[string]*parse.View, 2)
	return func(doc bson.Raw) *parse.View {
		hidden := e.fieldsHidden(c, m, doc)
		name := strings.Join(hidden, ",")
		if made[name] == nil {
			made[name] = view(hidden)
		}
		return made[name]
	}
}
