package mongowire

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// exchange is a command and what its reply has, among others.
type exchange struct{ command, reply string }

func (r *running) play(t *testing.T, exchanges []exchange) {
	t.Helper()
	c := r.dial()
	c.t = t
	for _, e := range exchanges {
		c.want(e.command, e.reply)
	}
}

func TestCommands(t *testing.T) {
	for name, exchanges := range map[string][]exchange{
		"greeting": {
			{`{"hello":1,"anything":{"new":1}}`, `{"isWritablePrimary":true,"setName":"loam","maxWireVersion":21,"maxWriteBatchSize":100000,"logicalSessionTimeoutMinutes":30,"ok":1.0}`},
			{`{"ping":1}`, `{"ok":1.0}`},
			{`{"buildInfo":1}`, `{"version":"7.0.16","ok":1.0}`},
			{`{"getParameter":1,"featureCompatibilityVersion":1}`, `{"featureCompatibilityVersion":{"version":"7.0"}}`},
			{`{"getParameter":1,"logLevel":1}`, `{"ok":0.0,"code":72}`},
			{`{"serverStatus":1}`, `{"process":"loam"}`},
			{`{"connectionStatus":1}`, `{"authInfo":{"authenticatedUsers":[]}}`},
			{`{"getLog":"startupWarnings"}`, `{"log":[]}`},
			{`{"listDatabases":1}`, `{"databases":[{"name":"test"}]}`},
			{`{"listDatabases":1,"filter":{"name":"other"}}`, `{"databases":[]}`},
		},
		"insert and find": {
			{`{"insert":"c","documents":[{"a":1,"_id":1},{"_id":2,"a":2},{"_id":3}]}`, `{"n":3,"ok":1.0}`},
			{`{"find":"c","filter":{"a":{"$gt":0}},"sort":{"a":-1},"projection":{"a":1}}`, `{"cursor":{"ns":"test.c","id":0,"firstBatch":[{"_id":2,"a":2},{"_id":1,"a":1}]}}`},
			{`{"find":"c","sort":{"_id":1},"skip":1,"limit":1}`, `{"cursor":{"id":0,"firstBatch":[{"_id":2}]}}`},
			{`{"find":"c","sort":{"_id":1},"limit":-2}`, `{"cursor":{"id":0,"firstBatch":[{"_id":1},{"_id":2}]}}`},
			{`{"find":"c","sort":{"_id":1},"batchSize":2,"singleBatch":true}`, `{"cursor":{"id":0,"firstBatch":[{"_id":1},{"_id":2}]}}`},
			{`{"find":"c","sort":{"_id":1},"batchSize":1,"limit":2,"singleBatch":true}`, `{"cursor":{"id":0,"firstBatch":[{"_id":1}]}}`},
			{`{"find":"c","batchSize":0,"singleBatch":true}`, `{"cursor":{"id":0,"firstBatch":[]}}`},
			{`{"find":"c","batchSize":-1}`, `{"ok":0.0,"code":2}`},
			{`{"find":"c","limit":1.5}`, `{"ok":0.0,"code":2}`},
			{`{"find":"c","filter":1}`, `{"ok":0.0,"code":14,"codeName":"TypeMismatch"}`},
			{`{"find":"c","filter":{"$nope":1}}`, `{"ok":0.0,"code":2,"codeName":"BadValue"}`},
			{`{"find":1}`, `{"ok":0.0,"code":73}`},
			{`{"find":"c","hint":"nope"}`, `{"ok":0.0,"code":2}`},
		},
		"insert errors": {
			{`{"insert":"c","documents":[{"_id":1}]}`, `{"n":1}`},
			{`{"insert":"c","documents":[{"_id":2},{"_id":1},{"_id":3}]}`,
				`{"ok":1.0,"n":1,"writeErrors":[{"index":1,"code":11000,"keyPattern":{"_id":1},"errmsg":"E11000 duplicate key error collection: test.c index: _id_ dup key"}]}`},
			{`{"insert":"c","ordered":false,"documents":[{"_id":2},{"_id":1},{"_id":3}]}`, `{"ok":1.0,"n":1,"writeErrors":[{"index":0,"code":11000},{"index":1,"code":11000}]}`},
			{`{"insert":"c","documents":[{"_id":[1]}]}`, `{"ok":1.0,"n":0,"writeErrors":[{"index":0,"code":53}]}`},
			{`{"insert":"c","documents":[]}`, `{"ok":0.0,"code":16}`},
			{`{"insert":"c","documents":[1]}`, `{"ok":0.0,"code":14}`},
			{`{"insert":"c"}`, `{"ok":0.0,"code":14}`},
			{`{"insert":"a$b","documents":[{}]}`, `{"ok":0.0,"code":73}`},
			{`{"count":"c"}`, `{"n":3}`},
		},
		"update": {
			{`{"insert":"c","documents":[{"_id":1,"n":3},{"_id":2,"n":2},{"_id":3,"n":1}]}`, `{"n":3}`},
			{`{"update":"c","updates":[{"q":{},"u":{"$set":{"a":1}}},{"q":{"a":null},"u":{"$set":{"a":2}},"multi":true},{"q":{"n":9},"u":{"$set":{"a":2}}}]}`, `{"n":3,"nModified":3}`},
			{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$set":{"n":3}}}]}`, `{"n":1,"nModified":0}`},
			{`{"update":"c","updates":[{"q":{},"sort":{"n":1},"u":{"$set":{"first":true}}}]}`, `{"n":1,"nModified":1}`},
			{`{"find":"c","filter":{"first":true}}`, `{"cursor":{"firstBatch":[{"_id":3}]}}`},
			{`{"update":"c","updates":[{"q":{"_id":9},"u":{"$set":{"n":9}},"upsert":true},{"q":{"k":1},"u":{"$setOnInsert":{"_id":"k"}},"upsert":true}]}`,
				`{"n":2,"nModified":0,"upserted":[{"index":0,"_id":9},{"index":1,"_id":"k"}]}`},
			{`{"update":"c","updates":[{"q":{"_id":3},"u":{"$inc":{"first":1}}},{"q":{"_id":1},"u":{"$set":{"n":0}}}]}`, `{"ok":1.0,"n":0,"writeErrors":[{"index":0,"code":14}]}`},
			{`{"update":"c","ordered":false,"updates":[{"q":{},"u":{"$nope":{"n":1}}},{"q":{"_id":1},"u":{"$set":{"n":0}}}]}`, `{"n":1,"writeErrors":[{"index":0,"code":9}]}`},
			{`{"update":"c","updates":[{"q":{"_id":1},"u":[{"$set":{"l":["$n",{"$add":["$n",1]}]}}]}]}`, `{"n":1,"nModified":1}`},
			{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$inc":{"l.$[x]":5}},"arrayFilters":[{"x":{"$gt":0}}]}]}`, `{"n":1,"nModified":1}`},
			{`{"update":"c","updates":[{"q":{"l":6},"u":{"$set":{"l.$":8}}}]}`, `{"n":1,"nModified":1}`},
			{`{"find":"c","filter":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":1,"l":[0,8]}]}}`},
			{`{"update":"c","updates":[{"q":{},"u":[{"$match":{}}]}]}`, `{"n":0,"writeErrors":[{"code":72}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"$set":{"n":1}},"arrayFilters":[{"x":1}]}]}`, `{"n":0,"writeErrors":[{"code":9}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"$set":{"n":1}},"arrayFilters":[1]}]}`, `{"n":0,"writeErrors":[{"code":14}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"n":1},"arrayFilters":[{"x":1}]}]}`, `{"n":0,"writeErrors":[{"code":9}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"$set":{"n":1}},"c":{"x":1}}]}`, `{"n":0,"writeErrors":[{"code":115}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"$set":{"n":1}},"multi":true,"sort":{"n":1}}]}`, `{"n":0,"writeErrors":[{"code":9}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"$set":{"n":1}},"typo":1}]}`, `{"n":0,"writeErrors":[{"code":40415}]}`},
			{`{"update":"c","updates":[{"q":{}}]}`, `{"n":0,"writeErrors":[{"code":9}]}`},
		},
		"replace": {
			{`{"insert":"c","documents":[{"_id":1,"a":1,"b":2},{"_id":2,"a":0}]}`, `{"n":2}`},
			{`{"createIndexes":"c","indexes":[{"name":"k","key":{"k":1},"unique":true,"sparse":true}]}`, `{"ok":1.0}`},
			{`{"update":"c","updates":[{"q":{"a":1},"u":{"b":3,"x.y":4,"k":1}}]}`, `{"n":1,"nModified":1}`},
			{`{"find":"c","filter":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":1,"b":3,"k":1}]}}`},
			{`{"update":"c","updates":[{"q":{"_id":1},"u":{"_id":1,"b":3,"x.y":4,"k":1}}]}`, `{"n":1,"nModified":0}`},
			{`{"update":"c","updates":[{"q":{"_id":2},"u":{"k":1}}]}`, `{"n":0,"writeErrors":[{"index":0,"code":11000,"keyPattern":{"k":1}}]}`},
			{`{"find":"c","filter":{"_id":2}}`, `{"cursor":{"firstBatch":[{"_id":2,"a":0}]}}`},
			{`{"update":"c","updates":[{"q":{},"sort":{"_id":-1},"u":{}}]}`, `{"n":1,"nModified":1}`},
			{`{"count":"c","query":{"a":0}}`, `{"n":0}`},
			{`{"update":"c","updates":[{"q":{"_id":2},"u":{"_id":3}}]}`, `{"n":0,"writeErrors":[{"code":66}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"a":1},"multi":true}]}`, `{"n":0,"writeErrors":[{"code":9}]}`},
			{`{"update":"c","updates":[{"q":{},"u":{"a":1,"$set":{"b":1}}}]}`, `{"n":0,"writeErrors":[{"code":52}]}`},
			{`{"update":"c","updates":[{"q":{"_id":9},"u":{"a":1}}]}`, `{"n":0,"nModified":0}`},
			{`{"update":"c","updates":[{"q":{"_id":9,"z":1},"u":{"a":9},"upsert":true}]}`, `{"n":1,"nModified":0,"upserted":[{"index":0,"_id":9}]}`},
			{`{"update":"c","updates":[{"q":{"$and":[{"_id":{"$eq":10}}]},"u":{"a":10},"upsert":true}]}`, `{"upserted":[{"index":0,"_id":10}]}`},
			{`{"update":"c","updates":[{"q":{"a":11},"u":{"_id":11},"upsert":true}]}`, `{"upserted":[{"index":0,"_id":11}]}`},
			{`{"update":"c","updates":[{"q":{"_id":12},"u":{"_id":13},"upsert":true}]}`, `{"n":0,"writeErrors":[{"code":66}]}`},
			{`{"update":"c","updates":[{"q":{"_id":{"$gt":100}},"u":{"_id":{"$gte":1}},"upsert":true}]}`, `{"ok":1.0}`},
			{`{"find":"c","filter":{"_id":9}}`, `{"cursor":{"firstBatch":[{"_id":9,"a":9}]}}`},
		},
		"delete": {
			{`{"insert":"c","documents":[{"_id":1},{"_id":2},{"_id":3},{"_id":4}]}`, `{"n":4}`},
			{`{"delete":"c","deletes":[{"q":{"_id":1},"limit":1},{"q":{"_id":{"$gt":2}},"limit":0}]}`, `{"n":3}`},
			{`{"delete":"c","deletes":[{"q":{},"limit":2}]}`, `{"n":0,"writeErrors":[{"code":9}]}`},
			{`{"delete":"c","deletes":[{"q":{},"limit":1,"collation":{"locale":"en_US","strength":2}}]}`, `{"n":0,"writeErrors":[{"code":115}]}`},
			{`{"count":"c"}`, `{"n":1}`},
		},
		"findAndModify": {
			{`{"insert":"c","documents":[{"_id":1,"n":1,"x":1},{"_id":2,"n":2,"x":1},{"_id":3,"n":3,"x":1}]}`, `{"n":3}`},
			{`{"findAndModify":"c","query":{"x":1},"sort":{"n":-1},"update":{"$inc":{"n":1}}}`, `{"value":{"_id":3,"n":3},"lastErrorObject":{"n":1,"updatedExisting":true}}`},
			{`{"findAndModify":"c","query":{"_id":3},"update":{"$inc":{"n":1}},"new":true,"fields":{"n":1}}`, `{"value":{"_id":3,"n":5}}`},
			{`{"findAndModify":"c","query":{"_id":9},"update":{"$inc":{"n":1}}}`, `{"value":null,"lastErrorObject":{"n":0,"updatedExisting":false}}`},
			{`{"findAndModify":"c","query":{"_id":9},"update":{"$inc":{"n":1}},"upsert":true}`, `{"value":null,"lastErrorObject":{"n":1,"updatedExisting":false,"upserted":9}}`},
			{`{"findAndModify":"c","query":{"_id":9},"update":{"$inc":{"n":1}},"upsert":true,"new":true}`, `{"value":{"_id":9,"n":2},"lastErrorObject":{"n":1,"updatedExisting":true}}`},
			{`{"findAndModify":"c","query":{"_id":8},"update":{"$inc":{"n":1}},"upsert":true,"new":true}`, `{"value":{"_id":8,"n":1},"lastErrorObject":{"n":1,"updatedExisting":false,"upserted":8}}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":{"y":1},"fields":{"n":1}}`, `{"value":{"_id":1,"n":1}}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":{"z":1},"new":true}`, `{"value":{"_id":1,"z":1},"lastErrorObject":{"updatedExisting":true}}`},
			{`{"findAndModify":"c","query":{"_id":7},"update":{"z":1},"new":true,"upsert":true}`, `{"value":{"_id":7,"z":1},"lastErrorObject":{"upserted":7}}`},
			{`{"findAndModify":"c","query":{"x":1},"sort":{"n":-1},"remove":true,"fields":{"n":1}}`, `{"value":{"_id":3,"n":5},"lastErrorObject":{"n":1}}`},
			{`{"findAndModify":"c","query":{"_id":2},"remove":true}`, `{"value":{"_id":2,"n":2,"x":1}}`},
			{`{"findAndModify":"c","query":{"_id":2},"remove":true}`, `{"value":null,"lastErrorObject":{"n":0}}`},
			{`{"findAndModify":"c","query":{"_id":2},"sort":{"n":1},"remove":true}`, `{"value":null,"lastErrorObject":{"n":0}}`},
			{`{"findAndModify":"c","remove":true,"update":{"a":1}}`, `{"ok":0.0,"code":9}`},
			{`{"findAndModify":"c","query":{}}`, `{"ok":0.0,"code":9}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":[{"$set":{"a":["$z",2]}}],"new":true}`, `{"value":{"_id":1,"a":[1,2]}}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":{"$set":{"a.$[e]":3}},"arrayFilters":[{"e":2}],"new":true}`, `{"value":{"_id":1,"a":[1,3]}}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":{"$unset":{"a":1}},"let":{"x":1}}`, `{"ok":0.0,"code":115}`},
			{`{"findAndModify":"c","query":{"_id":1},"remove":true,"fields":{"s":{"$meta":"textScore"}}}`, `{"ok":0.0,"code":115}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":{"a":1},"fields":{"s":{"$meta":"textScore"}}}`, `{"ok":0.0,"code":115}`},
			{`{"findAndModify":"c","query":{"_id":1},"update":{"$set":{"a":1}},"fields":{"s":{"$meta":"textScore"}}}`, `{"ok":0.0,"code":40218}`},
			{`{"findAndModify":"c","update":{"$inc":{"z":"x"}}}`, `{"ok":0.0,"code":14}`},
		},
		"count and distinct": {
			{`{"insert":"c","documents":[{"_id":1,"a":[1,2]},{"_id":2,"a":2},{"_id":3,"a":"X"}]}`, `{"n":3}`},
			{`{"count":"c"}`, `{"n":3}`},
			{`{"count":"c","query":{"a":2},"skip":1}`, `{"n":1}`},
			{`{"count":"c","skip":1,"limit":1}`, `{"n":1}`},
			{`{"count":"c","limit":-2}`, `{"n":2}`},
			{`{"count":"c","skip":9}`, `{"n":0}`},
			{`{"count":"c","skip":-1}`, `{"ok":0.0,"code":2}`},
			{`{"count":"c","skip":1,"limit":{"$numberLong":"9223372036854775807"}}`, `{"n":2}`},
			{`{"count":"c","query":{"a":"x"},"collation":{"locale":"en_US","strength":2}}`, `{"n":1}`},
			{`{"count":"c","query":{"a":"x"},"collation":{"locale":"simple"}}`, `{"n":0}`},
			{`{"count":"c","query":{"a":"x"},"collation":{"locale":"de"}}`, `{"ok":0.0,"code":115}`},
			{`{"count":"none"}`, `{"n":0}`},
			{`{"distinct":"c","key":"a","query":{"_id":{"$lt":3}}}`, `{"values":[1,2]}`},
			{`{"distinct":"c","key":"a","collation":{"locale":"en_US","strength":2}}`, `{"ok":0.0,"code":115}`},
			{`{"distinct":"c","key":1}`, `{"ok":0.0,"code":14}`},
		},
		"aggregate": {
			{`{"insert":"c","documents":[{"_id":1,"a":1},{"_id":2,"a":1},{"_id":3,"a":2},{"_id":4,"a":"X"}]}`, `{"n":4}`},
			{`{"aggregate":"c","cursor":{},"pipeline":[{"$match":{"a":1}},{"$sort":{"_id":-1}}]}`, `{"cursor":{"ns":"test.c","id":0,"firstBatch":[{"_id":2},{"_id":1}]}}`},
			{`{"aggregate":"c","cursor":{},"pipeline":[{"$match":{"a":1}},{"$group":{"_id":1,"n":{"$sum":1}}}]}`, `{"cursor":{"firstBatch":[{"_id":1,"n":2}]}}`},
			{`{"aggregate":"c","cursor":{},"pipeline":[{"$match":{}},{"$skip":1},{"$limit":2},{"$group":{"_id":1,"n":{"$sum":1}}}]}`, `{"cursor":{"firstBatch":[{"n":2}]}}`},
			{`{"aggregate":"c","cursor":{},"pipeline":[{"$match":{"a":9}},{"$group":{"_id":1,"n":{"$sum":1}}}]}`, `{"cursor":{"firstBatch":[]}}`},
			{`{"aggregate":"c","cursor":{},"collation":{"locale":"en_US","strength":2},"pipeline":[{"$match":{"a":"x"}},{"$group":{"_id":1,"n":{"$sum":1}}}]}`, `{"cursor":{"firstBatch":[{"n":1}]}}`},
			{`{"aggregate":"c","cursor":{},"collation":{"locale":"en_US","strength":2},"pipeline":[{"$match":{"a":"x"}}]}`, `{"cursor":{"firstBatch":[{"_id":4,"a":"X"}]}}`},
			{`{"aggregate":"c","cursor":{},"let":{"x":2},"allowDiskUse":false,"pipeline":[{"$match":{"$expr":{"$eq":["$a","$$x"]}}},{"$count":"n"}]}`, `{"cursor":{"firstBatch":[{"n":1}]}}`},
			{`{"aggregate":1,"cursor":{},"pipeline":[{"$documents":[{"a":1}]}]}`, `{"cursor":{"ns":"test.$cmd.aggregate","firstBatch":[{"a":1}]}}`},
			{`{"aggregate":1,"cursor":{},"pipeline":[]}`, `{"ok":0.0,"code":73}`},
			{`{"aggregate":"c","cursor":{},"pipeline":[{"$nope":1}]}`, `{"ok":0.0,"code":40324}`},
			{`{"aggregate":"c","cursor":{},"pipeline":[{"$out":"d"}]}`, `{"ok":0.0,"code":115}`},
			{`{"aggregate":"c","pipeline":[]}`, `{"ok":0.0,"code":9}`},
			{`{"aggregate":"c","cursor":{}}`, `{"ok":0.0,"code":14}`},
			{`{"aggregate":"c","cursor":1,"pipeline":[]}`, `{"ok":0.0,"code":14}`},
		},
		"explain": {
			{`{"insert":"c","documents":[{"_id":1}]}`, `{"n":1}`},
			{`{"explain":{"find":"c","filter":{"a":1}},"verbosity":"queryPlanner"}`, `{"queryPlanner":{"winningPlan":{"stage":"COLLSCAN"}},"ok":1.0}`},
			{`{"explain":{"count":"c","query":{"_id":1}}}`, `{"queryPlanner":{"parsedQuery":{"_id":1}}}`},
			{`{"explain":{"aggregate":"c","pipeline":[{"$match":{"a":2}}],"cursor":{}}}`, `{"queryPlanner":{"parsedQuery":{"a":2}}}`},
			{`{"aggregate":"c","pipeline":[{"$match":{"a":2}}],"explain":true}`, `{"queryPlanner":{"parsedQuery":{"a":2}},"ok":1.0}`},
			{`{"explain":{"find":"c","typo":1}}`, `{"ok":0.0,"code":40415}`},
			{`{"explain":{"insert":"c"}}`, `{"ok":0.0,"code":115}`},
			{`{"explain":{}}`, `{"ok":0.0,"code":9}`},
			{`{"explain":1}`, `{"ok":0.0,"code":14}`},
		},
		"collections": {
			{`{"create":"b"}`, `{"ok":1.0}`},
			{`{"create":"b"}`, `{"ok":0.0,"code":48,"codeName":"NamespaceExists"}`},
			{`{"create":"capped","capped":true,"size":1000}`, `{"ok":0.0,"code":115}`},
			{`{"create":"plain","capped":false}`, `{"ok":1.0}`},
			{`{"insert":"a","documents":[{"_id":1}]}`, `{"n":1}`},
			{`{"listCollections":1}`, `{"cursor":{"id":0,"ns":"test.$cmd.listCollections","firstBatch":[{"name":"a","type":"collection","idIndex":{"name":"_id_"}},{"name":"b"},{"name":"plain"}]}}`},
			{`{"listCollections":1,"filter":{"name":{"$in":["b","x"]}},"nameOnly":true}`, `{"cursor":{"firstBatch":[{"name":"b"}]}}`},
			{`{"listCollections":1,"filter":{"$nope":1}}`, `{"ok":0.0,"code":2}`},
			{`{"drop":"a"}`, `{"ns":"test.a","nIndexesWas":1}`},
			{`{"drop":"a"}`, `{"ok":0.0,"code":26,"codeName":"NamespaceNotFound"}`},
			{`{"dbStats":1}`, `{"db":"test","collections":2}`},
			{`{"collStats":"b"}`, `{"ns":"test.b","count":0,"nindexes":1}`},
			{`{"dropDatabase":1}`, `{"dropped":"test"}`},
			{`{"listCollections":1}`, `{"cursor":{"firstBatch":[]}}`},
		},
		"text indexes": {
			{`{"createIndexes":"c","indexes":[{"key":{"n":1,"title":"text","body":"text"},"name":"t","weights":{"title":10},"default_language":"german","language_override":"lang","textIndexVersion":3}]}`, `{"numIndexesAfter":2}`},
			{`{"listIndexes":"c"}`, `{"cursor":{"firstBatch":[{"name":"_id_"},{"v":2,"key":{"n":1,"_fts":"text","_ftsx":1},"name":"t","weights":{"body":1,"title":10},"default_language":"german","language_override":"lang","textIndexVersion":3}]}}`},
			{`{"createIndexes":"c","indexes":[{"key":{"n":1,"a":"text"},"name":"other"}]}`, `{"ok":0.0,"code":85,"codeName":"IndexOptionsConflict"}`},
			{`{"createIndexes":"c","indexes":[{"key":{"a":"text"},"name":"other"}]}`, `{"ok":0.0,"code":67,"codeName":"CannotCreateIndex"}`},
			{`{"find":"c","filter":{"$text":{"$search":"x"}}}`, `{"ok":0.0,"code":291,"codeName":"NoQueryExecutionPlans"}`},
			{`{"find":"none","filter":{"$text":{"$search":"x"}}}`, `{"ok":0.0,"code":27,"codeName":"IndexNotFound"}`},
			{`{"dropIndexes":"c","index":{"n":1,"_fts":"text","_ftsx":1}}`, `{"nIndexesWas":2}`},
		},
		"indexes": {
			{`{"listIndexes":"c"}`, `{"ok":0.0,"code":26}`},
			{`{"createIndexes":"c","indexes":[{"key":{"a":1,"b":-1},"name":"ab","unique":true,"background":true,"v":2},{"key":{"e":1},"name":"e","expireAfterSeconds":60}]}`,
				`{"numIndexesBefore":1,"numIndexesAfter":3,"createdCollectionAutomatically":true}`},
			{`{"createIndexes":"c","indexes":[{"key":{"a":1,"b":-1},"name":"ab","unique":true}]}`, `{"numIndexesBefore":3,"numIndexesAfter":3,"note":"all indexes already exist"}`},
			{`{"createIndexes":"c","indexes":[{"key":{"a":1},"name":"ab"}]}`, `{"ok":0.0,"code":85,"codeName":"IndexOptionsConflict"}`},
			{`{"createIndexes":"c","indexes":[{"key":{"n":1},"name":"ci","collation":{"locale":"en_US","strength":2}},{"key":{"p":1},"name":"p","sparse":true},{"key":{"q":1},"name":"q","partialFilterExpression":{"q":{"$exists":true}}}]}`, `{"numIndexesAfter":6}`},
			{`{"listIndexes":"c"}`, `{"cursor":{"ns":"test.c","firstBatch":[{"name":"_id_","key":{"_id":1}},{"name":"ab","key":{"a":1,"b":-1},"unique":true},{"name":"e","expireAfterSeconds":60},{"name":"ci","collation":{"locale":"en_US","strength":2}},{"name":"p","sparse":true},{"name":"q","partialFilterExpression":{"q":{"$exists":true}}}]}}`},
			{`{"insert":"c","documents":[{"a":1},{"a":1}]}`, `{"n":1,"writeErrors":[{"index":1,"code":11000,"keyPattern":{"a":1,"b":1},"errmsg":"E11000 duplicate key error collection: test.c index: ab dup key"}]}`},
			{`{"createIndexes":"c","indexes":[{"key":{"x":1}}]}`, `{"ok":0.0,"code":9}`},
			{`{"createIndexes":"c","indexes":[{"key":{"x":1},"name":"x","hidden":true}]}`, `{"ok":0.0,"code":115}`},
			{`{"createIndexes":"c","indexes":[{"key":{"x":1},"name":"x","expireAfterSeconds":-1}]}`, `{"ok":0.0,"code":2}`},
			{`{"createIndexes":"c","indexes":[{"key":{"x":1},"name":"x","uniqe":true}]}`, `{"ok":0.0,"code":40415}`},
			{`{"dropIndexes":"c","index":"nope"}`, `{"ok":0.0,"code":27,"codeName":"IndexNotFound"}`},
			{`{"dropIndexes":"none","index":"nope"}`, `{"ok":0.0,"code":26}`},
			{`{"dropIndexes":"c","index":"e"}`, `{"nIndexesWas":6}`},
			{`{"dropIndexes":"c","index":{"a":1,"b":-1}}`, `{"nIndexesWas":5}`},
			{`{"dropIndexes":"c","index":{"a":1}}`, `{"ok":0.0,"code":27}`},
			{`{"dropIndexes":"c","index":["p"]}`, `{"nIndexesWas":4}`},
			{`{"dropIndexes":"c","index":[1]}`, `{"ok":0.0,"code":14}`},
			{`{"dropIndexes":"c","index":"_id_"}`, `{"ok":0.0,"code":72}`},
			{`{"dropIndexes":"c","index":"*"}`, `{"nIndexesWas":3}`},
			{`{"listIndexes":"c"}`, `{"cursor":{"firstBatch":[{"name":"_id_"}]}}`},
		},
		"what is not served": {
			{`{"nope":1}`, `{"ok":0.0,"code":59,"codeName":"CommandNotFound"}`},
			{`{"find":"c","typo":1}`, `{"ok":0.0,"code":40415,"errmsg":"BSON field 'find.typo' is an unknown field."}`},
			{`{"find":"c","typo":null}`, `{"ok":0.0,"code":40415}`},
			{`{"find":"c","tailable":true}`, `{"ok":0.0,"code":115,"codeName":"CommandNotSupported"}`},
			{`{"find":"c","tailable":false,"min":{}}`, `{"ok":1.0}`},
			{`{"find":"c","let":{"x":1}}`, `{"ok":0.0,"code":115}`},
			{`{"find":"c","readConcern":{"level":"majority"},"comment":{"any":1}}`, `{"ok":1.0}`},
			{`{"find":"c","readConcern":{"level":"snapshot"}}`, `{"ok":0.0,"code":115}`},
			{`{"find":"c","readConcern":{"level":"odd"}}`, `{"ok":0.0,"code":2}`},
			{`{"find":"c","readConcern":{"level":1}}`, `{"ok":0.0,"code":14}`},
			{`{"find":"c","apiVersion":"2"}`, `{"ok":0.0,"code":322}`},
			{`{"insert":"c","documents":[{}],"writeConcern":{"w":"majority","j":true}}`, `{"n":1}`},
			{`{"insert":"c","documents":[{}],"writeConcern":{"w":2}}`, `{"ok":0.0,"code":100}`},
			{`{"insert":"c","documents":[{}],"writeConcern":{"w":"disks"}}`, `{"ok":0.0,"code":79}`},
			{`{"collMod":"c","validator":{"a":1}}`, `{"ok":0.0,"code":115}`},
			{`{"find":"c","maxTimeMS":-1}`, `{"ok":0.0,"code":2}`},
		},
	} {
		t.Run(name, func(t *testing.T) { start(t, Options{}).play(t, exchanges) })
	}
}

func TestOtherDatabases(t *testing.T) {
	c := start(t, Options{}).dial()
	for command, reply := range map[string]string{
		`{"find":"c","$db":"other"}`:                        `{"ok":0.0,"code":13}`,
		`{"insert":"c","documents":[{}],"$db":"other"}`:     `{"ok":0.0,"code":13}`,
		`{"aggregate":"c","pipeline":[],"$db":"other"}`:     `{"ok":0.0,"code":13}`,
		`{"explain":{"find":"c"},"$db":"other"}`:            `{"ok":0.0,"code":13}`,
		`{"listCollections":1,"$db":"other"}`:               `{"ok":1.0,"cursor":{"firstBatch":[]}}`,
		`{"ping":1,"$db":"admin"}`:                          `{"ok":1.0}`,
		`{"dropDatabase":1,"$db":"other"}`:                  `{"ok":1.0}`,
		`{"dbStats":1,"$db":"other"}`:                       `{"collections":0}`,
		`{"listDatabases":1,"nameOnly":true,"$db":"admin"}`: `{"databases":[{"name":"test"}]}`,
		`{"ping":1}`:         `{"ok":0.0,"code":40414}`,
		`{"ping":1,"$db":1}`: `{"ok":0.0,"code":40414}`,
		`{}`:                 `{"ok":0.0,"code":9}`,
	} {
		c.send(msg(0, body(t, command)))
		got, _ := c.receive()
		if missing := lacks(t, got, doc(t, reply)); missing != "" {
			t.Errorf("%s\n answered %s\n  without %s", command, text(got), missing)
		}
	}
}

func TestSequences(t *testing.T) {
	c := start(t, Options{}).dial()
	for _, e := range []struct {
		sections [][]byte
		reply    string
	}{
		{[][]byte{body(t, `{"insert":"c","$db":"test"}`), sequence(t, "documents", `{"_id":1}`, `{"_id":2}`)}, `{"n":2}`},
		{[][]byte{body(t, `{"delete":"c","$db":"test"}`), sequence(t, "deletes", `{"q":{"_id":1},"limit":1}`)}, `{"n":1}`},
		{[][]byte{body(t, `{"update":"c","$db":"test"}`), sequence(t, "updates", `{"q":{},"u":{"$set":{"a":1}}}`)}, `{"n":1}`},
		{[][]byte{body(t, `{"insert":"c","$db":"test"}`), sequence(t, "documents")}, `{"ok":0.0,"code":16}`},
		{[][]byte{body(t, `{"insert":"c","$db":"test"}`), sequence(t, "updates", `{}`)}, `{"ok":0.0,"code":40415}`},
		{[][]byte{body(t, `{"find":"c","$db":"test"}`), sequence(t, "documents", `{}`)}, `{"ok":0.0,"code":40415}`},
		{[][]byte{body(t, `{"insert":"c","documents":[{}],"$db":"test"}`), sequence(t, "documents", `{}`)}, `{"ok":0.0,"code":9}`},
	} {
		c.send(msg(0, e.sections...))
		got, _ := c.receive()
		if missing := lacks(t, got, doc(t, e.reply)); missing != "" {
			t.Errorf("%s\n answered %s\n  without %s", text(bson.Raw(e.sections[0][1:])), text(got), missing)
		}
	}
}
