package mongowire

import (
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const watchAll = `{"aggregate":"c","pipeline":[{"$changeStream":{}}],"cursor":{}}`

// watching opens a change stream and returns its cursor and its place.
func (c *client) watching(command string) (id int64, token string) {
	c.t.Helper()
	reply := c.want(command, `{"ok":1.0,"cursor":{"firstBatch":[]}}`)
	return reply.Lookup("cursor", "id").Int64(), placeIn(reply)
}

// placeIn is the resume token of a reply, as JSON.
func placeIn(reply bson.Raw) string {
	return text(reply.Lookup("cursor", "postBatchResumeToken").Document())
}

func TestChangeStreams(t *testing.T) {
	r := start(t, Options{})
	c, writer := r.dial(), r.dial()
	writer.ok(`{"insert":"c","documents":[{"_id":0}]}`)
	id, _ := c.watching(watchAll)
	ofDatabase, _ := c.watching(`{"aggregate":1,"pipeline":[{"$changeStream":{"fullDocument":"updateLookup"}},{"$match":{"operationType":"update"}}],"cursor":{}}`)
	writer.ok(
		`{"insert":"c","documents":[{"_id":1,"a":[1,2,3]}]}`,
		`{"update":"c","updates":[{"q":{"_id":1},"u":{"$set":{"b":1},"$pop":{"a":1}}}]}`,
		`{"update":"c","updates":[{"q":{"_id":1},"u":{"other":true}}]}`,
		`{"delete":"c","deletes":[{"q":{"_id":1},"limit":1}]}`,
		`{"insert":"d","documents":[{"_id":5}]}`,
		`{"update":"d","updates":[{"q":{"_id":5},"u":{"$set":{"b":1}}}]}`,
	)
	const ns = `"ns":{"db":"test","coll":"c"},"documentKey":{"_id":1}`
	c.want(more(id, ``), `{"cursor":{"nextBatch":[
		{"operationType":"insert","fullDocument":{"_id":1,"a":[1,2,3]},`+ns+`},
		{"operationType":"update","updateDescription":{"updatedFields":{"b":1},"removedFields":[],"truncatedArrays":[{"field":"a","newSize":2}]},`+ns+`},
		{"operationType":"replace","fullDocument":{"_id":1,"other":true},`+ns+`},
		{"operationType":"delete",`+ns+`}]}}`)
	c.want(moreOf("$cmd.aggregate", ofDatabase, ``), `{"cursor":{"nextBatch":[
		{"fullDocument":{"_id":1,"a":[1,2],"b":1},`+ns+`},
		{"fullDocument":{"_id":5,"b":1},"ns":{"db":"test","coll":"d"}}]}}`)
	// Without changes the answer is empty in time, and the cursor goes on.
	c.want(more(id, `,"maxTimeMS":20`), fmt.Sprintf(`{"cursor":{"nextBatch":[],"id":{"$numberLong":"%d"}}}`, id))
	writer.ok(`{"drop":"c"}`)
	c.want(more(id, ``), `{"cursor":{"nextBatch":[{"operationType":"drop"},{"operationType":"invalidate"}],"id":0}}`)
	c.want(more(id, ``), `{"ok":0.0,"code":43}`)
}

// A getMore waits for a change that comes while it does.
func TestChangeStreamsWait(t *testing.T) {
	r := start(t, Options{})
	c, writer := r.dial(), r.dial()
	id, _ := c.watching(watchAll)
	answer := make(chan bson.Raw)
	go func() { answer <- c.run(more(id, `,"maxTimeMS":10000`)) }()
	waitFor(t, func() bool { return r.cursors.isTaken(id) })
	writer.ok(`{"insert":"c","documents":[{"_id":1}]}`)
	if missing := lacks(t, <-answer, doc(t, `{"cursor":{"nextBatch":[{"documentKey":{"_id":1}}]}}`)); missing != "" {
		t.Errorf("the answer lacks %s", missing)
	}
}

func (s *cursors) isTaken(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[id] != nil
}

// waitFor waits until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to be")
		}
	}
}

func TestChangeStreamsEndWhenKilled(t *testing.T) {
	r := start(t, Options{})
	c, other := r.dial(), r.dial()
	id, _ := c.watching(watchAll)
	answer := make(chan bson.Raw)
	go func() { answer <- c.run(more(id, `,"maxTimeMS":10000`)) }()
	waitFor(t, func() bool { return r.cursors.isTaken(id) })
	other.want(fmt.Sprintf(`{"killCursors":"c","cursors":[{"$numberLong":"%d"}]}`, id), `{"cursorsNotFound":[]}`)
	if missing := lacks(t, <-answer, doc(t, `{"ok":0.0,"code":237,"codeName":"CursorKilled"}`)); missing != "" {
		t.Errorf("the answer lacks %s", missing)
	}
	other.want(more(id, ``), `{"ok":0.0,"code":43}`)
	if n := len(r.cursors.open) + len(r.cursors.taken); n != 0 {
		t.Errorf("%d cursors are left", n)
	}
}

func TestChangeStreamsResume(t *testing.T) {
	r := start(t, Options{})
	c := r.dial()
	id, start := c.watching(watchAll)
	c.ok(`{"insert":"c","documents":[{"_id":1},{"_id":2},{"_id":3}]}`)
	after := placeIn(c.want(more(id, `,"batchSize":1`), `{"cursor":{"nextBatch":[{"documentKey":{"_id":1}}]}}`))
	c.ok(fmt.Sprintf(`{"killCursors":"c","cursors":[{"$numberLong":"%d"}]}`, id))
	for _, e := range []struct{ option, want string }{
		{`"resumeAfter":` + after, `{"cursor":{"nextBatch":[{"documentKey":{"_id":2}},{"documentKey":{"_id":3}}]}}`},
		{`"startAfter":` + start, `{"cursor":{"nextBatch":[{"documentKey":{"_id":1}},{"documentKey":{"_id":2}},{"documentKey":{"_id":3}}]}}`},
	} {
		id, _ := c.watching(`{"aggregate":"c","pipeline":[{"$changeStream":{` + e.option + `}}],"cursor":{}}`)
		c.want(more(id, ``), e.want)
	}
}

func TestChangeStreamsThatAreRefused(t *testing.T) {
	c := start(t, Options{}).dial()
	watch := func(options, stages string) string {
		return `{"aggregate":"c","pipeline":[{"$changeStream":{` + options + `}}` + stages + `],"cursor":{}}`
	}
	for _, e := range []exchange{
		{watch(`"fullDocument":"required"`, ``), `{"ok":0.0,"code":115}`},
		{watch(`"fullDocumentBeforeChange":"required"`, ``), `{"ok":0.0,"code":115}`},
		{watch(`"startAtOperationTime":{"$timestamp":{"t":1,"i":1}}`, ``), `{"ok":0.0,"code":115}`},
		{watch(`"allChangesForCluster":true`, ``), `{"ok":0.0,"code":115}`},
		{watch(`"nope":1`, ``), `{"ok":0.0,"code":40415}`},
		{watch(`"resumeAfter":1`, ``), `{"ok":0.0,"code":14}`},
		{watch(`"resumeAfter":{"_data":"x"}`, ``), `{"ok":0.0,"code":260,"codeName":"InvalidResumeToken"}`},
		{watch(`"resumeAfter":{"_data":"0000000000000001000000000000000100"}`, ``),
			`{"ok":0.0,"code":286,"codeName":"ChangeStreamHistoryLost","errorLabels":["NonResumableChangeStreamError"]}`},
		{watch(``, `,{"$group":{"_id":1}}`), `{"ok":0.0,"code":115}`},
		{watch(``, `,{"$match":{"$nope":1}}`), `{"ok":0.0,"code":2}`},
		{`{"aggregate":"c","pipeline":[{"$match":{}},{"$changeStream":{}}],"cursor":{}}`, `{"ok":0.0}`},
		{in("a", 1, watchAll, true), `{"ok":0.0,"code":263}`},
	} {
		c.want(e.command, e.reply)
	}
	id, _ := c.watching(watch(``, `,{"$project":{"_id":0}}`))
	c.ok(`{"insert":"c","documents":[{"_id":1}]}`)
	c.want(more(id, ``), `{"ok":0.0,"code":280,"errorLabels":["NonResumableChangeStreamError"]}`)
}

// Commands that run when the server drains end; change streams don't hold it up.
func TestDrain(t *testing.T) {
	r := start(t, Options{})
	idle, c := r.dial(), r.dial()
	idle.ok(`{"ping":1}`)
	id, _ := c.watching(watchAll)
	answer := make(chan bson.Raw)
	go func() { answer <- c.run(more(id, `,"maxTimeMS":10000`)) }()
	waitFor(t, func() bool { return r.cursors.isTaken(id) })
	r.Drain()
	if missing := lacks(t, <-answer, doc(t, `{"ok":1.0}`)); missing != "" {
		t.Errorf("the answer to the command that ran lacks %s", missing)
	}
	if !idle.hungUp() || !c.hungUp() {
		t.Error("a connection is still open")
	}
}
