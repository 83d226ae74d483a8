package mongowire

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// How long a getMore waits for changes: when it does not say, as in MongoDB, and
// at most. An empty answer is none too few: drivers ask again.
const (
	usualWait   = time.Second
	longestWait = 10 * time.Second
)

// everything is the collection's name in the namespace of a cursor over a whole
// database.
const everything = "$cmd.aggregate"

// stream is a change stream: what is committed, as MongoDB tells of it.
type stream struct {
	changes  store.Changes
	database string
	lookup   bool // updates come with the whole document
	stages   []streamStage
	held     bson.Raw // told of, but did not fit
	token    bson.Raw // the place before held
	over     bool     // it was invalidated
	failed   error    // ends the stream with the next batch
}

// streamStage is a stage of a pipeline over changes. It returns nil for those
// that it drops.
type streamStage func(change bson.Raw) bson.Raw

// changeStream returns the stage that makes the pipeline a change stream.
func (p *pipeline) changeStream() (stage bson.D, ok bool) {
	if len(p.stages) == 0 {
		return nil, false
	}
	first, _ := p.stages[0].(bson.D)
	if len(first) != 1 || first[0].Key != "$changeStream" {
		return nil, false
	}
	stage, _ = first[0].Value.(bson.D)
	return stage, true
}

// watched is the target of a pipeline: a collection or, of a change stream, a
// whole database, which is "".
func (c *command) watched(p *pipeline) (store.Store, string, error) {
	if _, ok := c.subject.AsInt64OK(); !ok {
		return c.target()
	}
	db, err := c.existing()
	return db, "", err
}

var changeStreamMembers = knowing(
	[]string{"fullDocument", "fullDocumentBeforeChange", "resumeAfter", "startAfter"},
	[]string{"startAtOperationTime", "allChangesForCluster", "showExpandedEvents", "showMigrationEvents"},
)

// watchOptions reads a $changeStream.
func watchOptions(stage bson.D) (o store.WatchOptions, err error) {
	raw, err := bson.Marshal(stage)
	if err != nil {
		return o, refusal(codeFailedToParse, "$changeStream cannot be read")
	}
	if err := changeStreamMembers.check("$changeStream", raw); err != nil {
		return o, err
	}
	m := members{doc: raw}
	switch full := m.text("fullDocument"); full {
	case "", "default":
	case "updateLookup":
		o.FullDocument = true
	default:
		m.fail(codeCommandNotSupported, "$changeStream: fullDocument '%s' is not served", full)
	}
	if before := m.text("fullDocumentBeforeChange"); before != "" && before != "off" {
		m.fail(codeCommandNotSupported, "$changeStream: fullDocumentBeforeChange '%s' is not served", before)
	}
	for _, member := range []string{"resumeAfter", "startAfter"} {
		v, given := m.look(member)
		token, ok := v.DocumentOK()
		switch {
		case !given:
		case !ok:
			m.fail(codeTypeMismatch, "$changeStream: '%s' must be a resume token", member)
		case o.After != nil:
			m.fail(codeInvalidOptions, "$changeStream takes one of 'resumeAfter' and 'startAfter'")
		default:
			o.After = slices.Clone(token)
		}
	}
	return o, m.err
}

// streamStages compiles the stages that follow a $changeStream.
func streamStages(stages bson.A) ([]streamStage, error) {
	var compiled []streamStage
	for _, stage := range stages {
		d, _ := stage.(bson.D)
		if len(d) != 1 {
			return nil, refusal(codeFailedToParse, "a pipeline stage must be an object with one member")
		}
		operand, isDocument := d[0].Value.(bson.D)
		switch name := d[0].Key; {
		case name == "$match" && isDocument:
			filter, err := match.Compile(operand)
			if err != nil {
				return nil, err
			}
			compiled = append(compiled, func(change bson.Raw) bson.Raw {
				if !filter.Match(change) {
					return nil
				}
				return change
			})
		case name == "$project" && isDocument && len(operand) > 0:
			projection, err := match.CompileProjection(operand)
			if err != nil {
				return nil, err
			}
			compiled = append(compiled, func(change bson.Raw) bson.Raw { return projection.Append(nil, change, 0) })
		default:
			return nil, refusal(codeCommandNotSupported, "'%s' is not served in a change stream", name)
		}
	}
	return compiled, nil
}

// watch opens a change stream.
func (c *command) watch(ctx context.Context, db store.Store, collection string, stage bson.D, stages bson.A) (bson.D, error) {
	watcher, ok := db.(store.Watcher)
	switch {
	case c.transaction != nil:
		return nil, refusal(codeNotInTransaction, "$changeStream cannot run within a multi-document transaction")
	case !ok:
		return nil, refusal(codeCommandNotSupported, "change streams are not served here")
	}
	o, err := watchOptions(stage)
	if err != nil {
		return nil, err
	}
	compiled, err := streamStages(stages)
	if err != nil {
		return nil, err
	}
	changes, err := watcher.Watch(ctx, collection, o)
	if err != nil {
		return nil, err
	}
	if collection == "" {
		collection = everything
	}
	cur := &cursor{
		namespace: c.namespace(collection), session: c.session, timeout: c.options.CursorTimeout,
		stream: &stream{changes: changes, database: c.database, lookup: o.FullDocument, stages: compiled},
	}
	if err := c.cursors.put(cur); err != nil {
		changes.Close()
		return nil, err
	}
	first := newBatch()
	return streamAnswer("firstBatch", &first, cur.id, cur.namespace, changes.Token()), nil
}

// streamAnswer is a cursorAnswer with the place up to which the client knows all.
func streamAnswer(member string, b *batch, id int64, namespace string, token bson.Raw) bson.D {
	answer := cursorAnswer(member, b, id, namespace)
	if token != nil {
		inner, _ := answer[0].Value.(bson.D)
		answer[0].Value = append(inner, bson.E{Key: "postBatchResumeToken", Value: token})
	}
	return answer
}

// news answers a getMore on a change stream: with the changes that there are or,
// without any, with the first that comes in time.
func (cur *cursor) news(ctx context.Context, c *command, size int64) (bson.D, error) {
	wait := usualWait
	if _, given := c.look("maxTimeMS"); given {
		wait = min(time.Duration(min(c.size("maxTimeMS"), 1<<31))*time.Millisecond, longestWait)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	stop := context.AfterFunc(c.draining, cancel)
	defer stop()
	b, err := cur.stream.batch(ctx, size)
	if err != nil || cur.stream.over {
		c.cursors.end(cur)
		return streamAnswer("nextBatch", &b, 0, cur.namespace, cur.stream.place()), err
	}
	if err := c.cursors.giveBack(cur); err != nil {
		return nil, err
	}
	return streamAnswer("nextBatch", &b, cur.id, cur.namespace, cur.stream.place()), nil
}

// batch reads changes. Only for the first one it waits until ctx ends.
func (s *stream) batch(ctx context.Context, size int64) (batch, error) {
	b := newBatch()
	ended, end := context.WithCancel(ctx)
	end()
	for {
		if s.failed != nil {
			return b, s.failed
		}
		if s.held == nil {
			wait := ctx
			if b.n > 0 {
				wait = ended
			}
			doc, err := s.next(wait)
			switch {
			case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
				return b, nil
			case errors.Is(err, store.ErrInvalidated):
				s.over = true
				return b, nil
			case err != nil && b.n > 0:
				s.failed = err
				return b, nil
			case err != nil:
				return b, err
			}
			s.held = doc
		}
		if !b.fits(s.held, size) {
			return b, nil
		}
		b.add(s.held)
		s.held = nil
	}
}

// next returns the next change that the stages let pass.
func (s *stream) next(ctx context.Context) (bson.Raw, error) {
	for {
		s.token = s.changes.Token()
		change, err := s.changes.Next(ctx)
		if err != nil {
			return nil, err
		}
		told, err := bson.Marshal(s.describe(change))
		if err != nil {
			return nil, err
		}
		doc := bson.Raw(told)
		for _, stage := range s.stages {
			if doc = stage(doc); doc == nil {
				break
			}
		}
		if doc == nil {
			continue
		}
		if id, _ := doc.Lookup("_id").DocumentOK(); string(id) != string(change.Token) {
			return nil, &commandError{
				code: codeChangeStreamFatal, labels: []string{"NonResumableChangeStreamError"},
				message: "Encountered an event whose _id field, which contains the resume token, was modified by the pipeline.",
			}
		}
		return doc, nil
	}
}

// place is the one up to which the client has been told of all.
func (s *stream) place() bson.Raw {
	if s.held != nil {
		return s.token
	}
	return s.changes.Token()
}

func (s *stream) close() { s.changes.Close() }

// describe is a change as MongoDB tells of it.
func (s *stream) describe(c *store.Change) bson.D {
	doc := bson.D{
		{Key: "_id", Value: c.Token}, {Key: "operationType", Value: string(c.Kind)},
		{Key: "clusterTime", Value: c.Time}, {Key: "wallTime", Value: bson.NewDateTimeFromTime(c.Wall)},
	}
	switch {
	case c.Document != nil:
		doc = append(doc, bson.E{Key: "fullDocument", Value: c.Document})
	case c.Kind == store.Updated && s.lookup:
		doc = append(doc, bson.E{Key: "fullDocument", Value: nil})
	}
	if c.Collection != "" {
		doc = append(doc, bson.E{Key: "ns", Value: bson.D{{Key: "db", Value: s.database}, {Key: "coll", Value: c.Collection}}})
	}
	if !c.ID.IsZero() {
		doc = append(doc, bson.E{Key: "documentKey", Value: bson.D{{Key: "_id", Value: c.ID}}})
	}
	if c.Kind == store.Updated {
		truncated := bson.A{}
		for _, t := range c.Truncated {
			truncated = append(truncated, bson.D{{Key: "field", Value: t.Field}, {Key: "newSize", Value: t.NewSize}})
		}
		doc = append(doc, bson.E{Key: "updateDescription", Value: bson.D{
			{Key: "updatedFields", Value: append(bson.D{}, c.Set...)},
			{Key: "removedFields", Value: append([]string{}, c.Removed...)},
			{Key: "truncatedArrays", Value: truncated},
		}})
	}
	return doc
}
