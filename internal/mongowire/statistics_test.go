package mongowire

import (
	"context"
	"errors"
	"testing"

	"github.com/loam-baas/loam/internal/store"
)

// What tools ask of a server beside its data.
func TestToolCommands(t *testing.T) {
	// {"_id":1,"a":"x"} and {"_id":2,"a":"y"} take 23 bytes each.
	prepare := []exchange{
		{`{"insert":"c","documents":[{"_id":1,"a":"x"},{"_id":2,"a":"y"}]}`, `{"n":2}`},
		{`{"createIndexes":"c","indexes":[{"key":{"a":1},"name":"a"},{"key":{"s":1},"name":"s","sparse":true},{"key":{"t":1},"name":"t","expireAfterSeconds":60}]}`, `{"numIndexesAfter":4}`},
	}
	for name, exchanges := range map[string][]exchange{
		"sizes": {
			{`{"dbStats":1}`, `{"db":"test","collections":1,"views":0,"objects":2,"avgObjSize":23,"dataSize":46,"indexes":4,"scaleFactor":1}`},
			{`{"dbStats":1,"scale":23}`, `{"dataSize":2,"scaleFactor":23}`},
			{`{"dbStats":1,"scale":0}`, `{"ok":0.0,"code":2}`},
			{`{"collStats":"c"}`, `{"ns":"test.c","count":2,"size":46,"avgObjSize":23,"nindexes":4,"capped":false,"indexSizes":{"s":0,"a":22}}`},
			{`{"collStats":"none"}`, `{"ns":"test.none","count":0,"size":0,"avgObjSize":0,"nindexes":0}`},
			{`{"aggregate":"c","pipeline":[{"$collStats":{"storageStats":{"scale":2},"count":{}}}],"cursor":{}}`,
				`{"cursor":{"firstBatch":[{"ns":"test.c","count":2,"storageStats":{"size":23,"count":2}}]}}`},
			{`{"aggregate":"c","pipeline":[{"$collStats":{"latencyStats":{}}}],"cursor":{}}`, `{"ok":0.0,"code":115}`},
			{`{"aggregate":"c","pipeline":[{"$collStats":1}],"cursor":{}}`, `{"ok":0.0,"code":9}`},
			{`{"aggregate":"none","pipeline":[{"$collStats":{}}],"cursor":{}}`, `{"ok":0.0,"code":26}`},
			{`{"aggregate":"c","pipeline":[{"$collStats":{"storageStats":{}}},{"$group":{"_id":null,"size":{"$sum":"$storageStats.size"},"name":{"$first":"$ns"}}}],"cursor":{}}`,
				`{"cursor":{"firstBatch":[{"size":46,"name":"test.c"}]}}`},
			{`{"aggregate":"c","pipeline":[{"$indexStats":{}}],"cursor":{}}`, `{"ok":0.0,"code":40324}`},
		},
		"validate": {
			{`{"validate":"c","full":true}`, `{"ns":"test.c","valid":true,"nrecords":2,"nIndexes":4,"errors":[],"indexDetails":{"a":{"valid":true}}}`},
			{`{"validate":"c","repair":true}`, `{"ok":0.0,"code":115}`},
			{`{"validate":"none"}`, `{"ok":0.0,"code":26}`},
		},
		"the server": {
			{`{"getCmdLineOpts":1}`, `{"argv":["loam"],"parsed":{}}`},
			{`{"listCommands":1}`, `{"commands":{"find":{"requiresAuth":true},"hello":{"requiresAuth":false}}}`},
			{`{"currentOp":1}`, `{"inprog":[{"active":true,"command":{"currentOp":1}}]}`},
			{`{"aggregate":1,"pipeline":[{"$currentOp":{"allUsers":true}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"active":true}]}}`},
			{`{"aggregate":1,"pipeline":[{"$currentOp":{}},{"$project":{"active":1}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"active":true}]}}`},
			{`{"top":1}`, `{"totals":{}}`},
			{`{"whatsmyuri":1}`, `{"ok":1.0}`},
			{`{"serverStatus":1}`, `{"opcounters":{"insert":1,"query":0}}`},
			{`{"getParameter":"*"}`, `{"featureCompatibilityVersion":{"version":"7.0"}}`},
			{`{"atlasVersion":1}`, `{"ok":0.0,"code":59,"codeName":"CommandNotFound"}`},
			{`{"renameCollection":"test.c","to":"test.d"}`, `{"ok":0.0,"code":59}`},
		},
		"collMod": {
			{`{"collMod":"c","index":{"name":"t","expireAfterSeconds":120}}`, `{"expireAfterSeconds_old":60,"expireAfterSeconds_new":120,"ok":1.0}`},
			{`{"collMod":"c","index":{"keyPattern":{"a":1},"expireAfterSeconds":5}}`, `{"expireAfterSeconds_new":5,"ok":1.0}`},
			{`{"listIndexes":"c"}`, `{"cursor":{"firstBatch":[{"name":"_id_"},{"name":"s"},{"name":"t","expireAfterSeconds":120},{"name":"a","expireAfterSeconds":5}]}}`},
			{`{"collMod":"c","index":{"name":"a","hidden":false}}`, `{"ok":1.0}`},
			{`{"collMod":"c","index":{"name":"a","hidden":true}}`, `{"ok":0.0,"code":115}`},
			{`{"collMod":"c","index":{"name":"none","expireAfterSeconds":5}}`, `{"ok":0.0,"code":27}`},
			{`{"collMod":"c","index":{"name":"_id_","expireAfterSeconds":5}}`, `{"ok":0.0,"code":72}`},
			{`{"collMod":"c","index":{"name":"a","expireAfterSeconds":-5}}`, `{"ok":0.0,"code":2}`},
			{`{"collMod":"none"}`, `{"ok":0.0,"code":26}`},
			{`{"collMod":"c"}`, `{"ok":1.0}`},
		},
		"hints of writes": {
			{`{"update":"c","updates":[{"q":{"a":"x"},"u":{"$set":{"b":1}},"hint":"a"}]}`, `{"n":1,"nModified":1}`},
			{`{"update":"c","updates":[{"q":{"a":"x"},"u":{"$set":{"b":2}},"hint":{"a":1}}]}`, `{"n":1}`},
			{`{"update":"c","updates":[{"q":{"a":"x"},"u":{"$set":{"b":3}},"hint":{"$natural":1}}]}`, `{"n":1}`},
			{`{"update":"c","updates":[{"q":{"a":"x"},"u":{"$set":{"b":1}},"hint":"none"}]}`, `{"n":0,"writeErrors":[{"index":0,"code":2,"errmsg":"hint provided does not correspond to an existing index"}]}`},
			{`{"update":"c","updates":[{"q":{"a":"x"},"u":{"$set":{"b":1}},"hint":"s"}]}`, `{"n":0,"writeErrors":[{"code":115}]}`},
			{`{"findAndModify":"c","query":{"a":"y"},"update":{"$set":{"b":1}},"hint":"a"}`, `{"value":{"_id":2}}`},
			{`{"findAndModify":"c","query":{"a":"y"},"update":{"$set":{"b":1}},"hint":"none"}`, `{"ok":0.0,"code":2}`},
			{`{"delete":"c","deletes":[{"q":{"a":"y"},"limit":1,"hint":"_id_"}]}`, `{"n":1}`},
			{`{"delete":"c","deletes":[{"q":{"a":"x"},"limit":1,"hint":{"b":1}}]}`, `{"n":0,"writeErrors":[{"code":2}]}`},
		},
		"explanations of writes": {
			{`{"explain":{"update":"c","updates":[{"q":{"a":"x"},"u":{"$set":{"b":1}}}]}}`, `{"queryPlanner":{"winningPlan":{"inputStage":{"indexName":"a"}}}}`},
			{`{"explain":{"delete":"c","deletes":[{"q":{"a":"x"},"limit":0}]}}`, `{"queryPlanner":{"winningPlan":{"inputStage":{"indexName":"a"}}}}`},
			{`{"explain":{"findAndModify":"c","query":{"a":"x"},"update":{"$set":{"b":1}}}}`, `{"queryPlanner":{"winningPlan":{"inputStage":{"indexName":"a"}}}}`},
			{`{"explain":{"delete":"c","deletes":[]}}`, `{"ok":0.0,"code":16}`},
			{`{"count":"c"}`, `{"n":2}`},
		},
		"options that are left out": {
			{`{"createIndexes":"c","indexes":[{"key":{"z":1},"name":"z","odd":1}],"ignoreUnknownIndexOptions":true}`, `{"numIndexesAfter":5}`},
			{`{"createIndexes":"c","indexes":[{"key":{"y":1},"name":"y","hidden":true}],"ignoreUnknownIndexOptions":true}`, `{"ok":0.0,"code":115}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, Options{}).play(t, append(prepare[:len(prepare):len(prepare)], exchanges...))
		})
	}
}

// broken is a store whose check finds something.
type broken struct{ store.Store }

func (broken) Check(context.Context) error { return errors.New("index a lacks a document") }

func TestValidateTellsWhatIsWrong(t *testing.T) {
	s := openStore(t)
	c := startWith(t, broken{s}, Options{}).dial()
	c.ok(`{"insert":"c","documents":[{"_id":1}]}`)
	c.want(`{"validate":"c"}`, `{"valid":false,"errors":["index a lacks a document"]}`)
}
