package mongowire

// The members of the commands that read.
var (
	updateMembers = commandMembers([]string{"update", "updates", "ordered", "bypassDocumentValidation"}, []string{"let"})
	deleteMembers = commandMembers([]string{"delete", "deletes", "ordered"}, []string{"let"})
	findMembers   = commandMembers(
		[]string{"find", "filter", "sort", "projection", "skip", "limit", "hint", "collation", "batchSize", "singleBatch",
			"noCursorTimeout", "allowDiskUse", "allowPartialResults"},
		[]string{"tailable", "awaitData", "oplogReplay", "returnKey", "showRecordId", "min", "max", "let"})
	countMembers    = commandMembers([]string{"count", "query", "skip", "limit", "hint", "collation"}, nil)
	distinctMembers = commandMembers([]string{"distinct", "key", "query", "collation"}, []string{"hint"})
	// A pipeline that writes is refused by its stages.
	aggregateMembers = commandMembers(
		[]string{"aggregate", "pipeline", "cursor", "explain", "hint", "collation", "let", "allowDiskUse", "bypassDocumentValidation"}, nil)
)

// commandMembers are known members, with those that every command may have.
func commandMembers(served, unserved []string) known {
	return knowing(append(served, "$db", "lsid", "txnNumber", "autocommit", "startTransaction", "$clusterTime",
		"$readPreference", "readConcern", "writeConcern", "maxTimeMS", "comment", "apiVersion", "apiStrict",
		"apiDeprecationErrors"), unserved)
}

// greeting is the handshake. What drivers tell of themselves in it grows with
// every version, and a server takes what it knows.
var greeting = &handler{run: hello, public: true}

// handlers are the commands that are served.
var handlers = map[string]*handler{
	"hello": greeting, "isMaster": greeting, "ismaster": greeting,
	"ping":             {run: ping, public: true, members: commandMembers([]string{"ping"}, nil)},
	"buildInfo":        {run: buildInfo, public: true, members: commandMembers([]string{"buildInfo"}, nil)},
	"buildinfo":        {run: buildInfo, public: true, members: commandMembers([]string{"buildinfo"}, nil)},
	"serverStatus":     {run: serverStatus}, // its members choose sections
	"getParameter":     {run: getParameter},
	"getLog":           {run: getLog, members: commandMembers([]string{"getLog"}, nil)},
	"hostInfo":         {run: hostInfo, members: commandMembers([]string{"hostInfo"}, nil)},
	"connectionStatus": {run: connectionStatus, public: true, members: commandMembers([]string{"connectionStatus", "showPrivileges"}, nil)},

	"saslStart": {
		run: saslStart, public: true,
		members: commandMembers([]string{"saslStart", "mechanism", "payload", "options", "autoAuthorize"}, nil),
	},
	"saslContinue": {run: saslContinue, public: true, members: commandMembers([]string{"saslContinue", "conversationId", "payload"}, nil)},
	"logout":       {run: logout, public: true, members: commandMembers([]string{"logout"}, nil)},

	"getCmdLineOpts": {run: getCmdLineOpts, members: commandMembers([]string{"getCmdLineOpts"}, nil)},
	"whatsmyuri":     {run: whatsMyURI, members: commandMembers([]string{"whatsmyuri"}, nil)},
	"currentOp":      {run: currentOp, members: commandMembers([]string{"currentOp", "$all", "$ownOps", "allUsers", "idleConnections"}, nil)},
	"top":            {run: top, members: commandMembers([]string{"top"}, nil)},
	"validate":       {run: validateCollection, members: commandMembers([]string{"validate", "full", "metadata"}, []string{"repair", "background", "checkBSONConformance"})},

	"endSessions":     {run: endSessions, public: true, members: commandMembers([]string{"endSessions"}, nil)},
	"killSessions":    {run: endSessions, members: commandMembers([]string{"killSessions"}, nil)},
	"refreshSessions": {run: refreshSessions, members: commandMembers([]string{"refreshSessions"}, nil)},
	commitCommand:     {run: commitTransaction, members: commandMembers([]string{commitCommand, "recoveryToken"}, nil), transactional: true},
	abortCommand:      {run: abortTransaction, members: commandMembers([]string{abortCommand, "recoveryToken"}, nil), transactional: true},

	"find":        {run: find, members: findMembers, transactional: true},
	"getMore":     {run: getMore, members: commandMembers([]string{"getMore", "collection", "batchSize"}, []string{"term"}), transactional: true},
	"killCursors": {run: killCursors, members: commandMembers([]string{"killCursors", "cursors"}, nil), transactional: true},
	"count":       {run: count, members: countMembers},
	"distinct":    {run: distinct, members: distinctMembers, transactional: true},
	"aggregate":   {run: aggregate, members: aggregateMembers, transactional: true},
	"explain":     {run: explain, members: commandMembers([]string{"explain", "verbosity"}, nil)},

	"insert": {
		run: insert, sequence: "documents", transactional: true, retryable: true,
		members: commandMembers([]string{"insert", "documents", "ordered", "bypassDocumentValidation"}, nil),
	},
	"update": {
		run: update, sequence: "updates", transactional: true, retryable: true,
		members: updateMembers,
	},
	"delete": {
		run: remove, sequence: "deletes", transactional: true, retryable: true,
		members: deleteMembers,
	},
	"findAndModify": modifying("findAndModify"), "findandmodify": modifying("findandmodify"),

	"listDatabases":   {run: listDatabases, members: commandMembers([]string{"listDatabases", "filter", "nameOnly", "authorizedDatabases"}, nil)},
	"listCollections": {run: listCollections, members: commandMembers([]string{"listCollections", "filter", "nameOnly", "authorizedCollections", "cursor"}, nil)},
	"create": {
		run: create, transactional: true,
		members: commandMembers([]string{"create", "collation", "idIndex", "autoIndexId"}, []string{
			"capped", "size", "max", "storageEngine", "validator", "validationLevel", "validationAction", "indexOptionDefaults",
			"viewOn", "pipeline", "timeseries", "expireAfterSeconds", "clusteredIndex", "changeStreamPreAndPostImages",
			"encryptedFields",
		}),
	},
	"drop":         {run: drop, members: commandMembers([]string{"drop"}, nil)},
	"dropDatabase": {run: dropDatabase, members: commandMembers([]string{"dropDatabase"}, nil)},
	"dbStats":      {run: dbStats, members: commandMembers([]string{"dbStats", "scale", "freeStorage"}, nil)},
	"collStats":    {run: collStats, members: commandMembers([]string{"collStats", "scale"}, nil)},

	"createIndexes": {
		run: createIndexes, sequence: "indexes", transactional: true,
		members: commandMembers([]string{"createIndexes", "indexes", "commitQuorum", "ignoreUnknownIndexOptions"}, nil),
	},
	"collMod": {
		run: collMod,
		members: commandMembers([]string{"collMod", "index"}, []string{
			"validator", "validationLevel", "validationAction", "viewOn", "pipeline", "cappedSize", "cappedMax",
			"changeStreamPreAndPostImages", "expireAfterSeconds", "timeseries", "dryRun",
		}),
	},
	"dropIndexes": {run: dropIndexes, members: commandMembers([]string{"dropIndexes", "index"}, nil)},
	"listIndexes": {run: listIndexes, members: commandMembers([]string{"listIndexes", "cursor"}, nil)},
}

// listing tells of the handlers, and so can't be one of the map.
var listing = &handler{run: listCommands, public: true, members: commandMembers([]string{"listCommands"}, nil)}

// handlerOf is how a command is served, nil when it is not.
func handlerOf(name string) *handler {
	if name == "listCommands" {
		return listing
	}
	return handlers[name]
}

func modifying(name string) *handler {
	return &handler{run: findAndModify, transactional: true, retryable: true, members: modifyMembers(name)}
}

func modifyMembers(name string) known {
	return commandMembers(
		[]string{name, "query", "sort", "remove", "update", "new", "fields", "upsert", "collation", "bypassDocumentValidation", "hint", "arrayFilters"},
		[]string{"let"})
}
