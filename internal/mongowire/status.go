package mongowire

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// What the server says it is, to drivers that go by versions: 21 is MongoDB 7.0.
// parse-server 9 asks for 7.0.16.
const (
	maxWireVersion = 21
	serverVersion  = "7.0.16"
)

// hello tells a driver what it talks to. Without a topologyVersion, drivers ask
// again from time to time instead of waiting for news on a connection.
func hello(_ context.Context, c *command) (bson.D, error) {
	primary := "isWritablePrimary"
	if c.name != "hello" {
		primary = "ismaster"
	}
	return c.greetLogin(bson.D{
		{Key: primary, Value: true}, {Key: "helloOk", Value: true},
		{Key: "setName", Value: "loam"}, {Key: "setVersion", Value: int32(1)}, {Key: "secondary", Value: false},
		{Key: "hosts", Value: bson.A{c.address}}, {Key: "primary", Value: c.address}, {Key: "me", Value: c.address},
		{Key: "maxBsonObjectSize", Value: int32(maxDocumentSize)}, {Key: "maxMessageSizeBytes", Value: int32(maxMessageSize)},
		{Key: "maxWriteBatchSize", Value: int32(maxWriteBatch)}, {Key: "localTime", Value: bson.NewDateTimeFromTime(time.Now())},
		{Key: "logicalSessionTimeoutMinutes", Value: int32(c.options.SessionTimeout / time.Minute)},
		{Key: "connectionId", Value: c.id}, {Key: "minWireVersion", Value: int32(0)},
		{Key: "maxWireVersion", Value: int32(maxWireVersion)}, {Key: "readOnly", Value: false},
	}), nil
}

func ping(ctx context.Context, c *command) (bson.D, error) {
	if c.store == nil {
		return bson.D{}, nil
	}
	return bson.D{}, c.store.Ping(ctx)
}

func buildInfo(context.Context, *command) (bson.D, error) {
	return bson.D{
		{Key: "version", Value: serverVersion}, {Key: "versionArray", Value: bson.A{int32(7), int32(0), int32(16), int32(0)}},
		{Key: "gitVersion", Value: "loam"}, {Key: "modules", Value: bson.A{}}, {Key: "bits", Value: int32(64)},
		{Key: "debug", Value: false}, {Key: "maxBsonObjectSize", Value: int32(maxDocumentSize)},
	}, nil
}

func serverStatus(_ context.Context, c *command) (bson.D, error) {
	uptime := time.Since(c.started)
	return bson.D{
		{Key: "host", Value: c.address}, {Key: "version", Value: serverVersion}, {Key: "process", Value: "loam"},
		{Key: "uptime", Value: uptime.Seconds()}, {Key: "uptimeMillis", Value: uptime.Milliseconds()},
		{Key: "localTime", Value: bson.NewDateTimeFromTime(time.Now())},
		{Key: "connections", Value: bson.D{{Key: "current", Value: c.Server.open.Load()}, {Key: "totalCreated", Value: c.accepted.Load()}}},
		{Key: "opcounters", Value: c.counters.document()},
		{Key: "storageEngine", Value: bson.D{{Key: "name", Value: "loam"}, {Key: "supportsCommittedReads", Value: true}}},
	}, nil
}

// hostInfo tells tools nothing of the machine but that they may ask.
func hostInfo(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "system", Value: bson.D{}}, {Key: "os", Value: bson.D{}}, {Key: "extra", Value: bson.D{}}}, nil
}

func connectionStatus(_ context.Context, c *command) (bson.D, error) {
	users, roles := bson.A{}, bson.A{}
	if c.user != "" {
		users = append(users, bson.D{{Key: "user", Value: c.user}, {Key: "db", Value: "admin"}})
		roles = append(roles, bson.D{{Key: "role", Value: "root"}, {Key: "db", Value: "admin"}})
	}
	return bson.D{{Key: "authInfo", Value: bson.D{
		{Key: "authenticatedUsers", Value: users}, {Key: "authenticatedUserRoles", Value: roles},
	}}}, nil
}

// getLog answers the shell, which shows warnings of the start.
func getLog(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "totalLinesWritten", Value: int32(0)}, {Key: "log", Value: bson.A{}}}, nil
}

// featureVersion is the one parameter that there is; tools go by it.
const featureVersion = "featureCompatibilityVersion"

func getParameter(_ context.Context, c *command) (bson.D, error) {
	_, asked := c.look(featureVersion)
	if name, _ := c.subject.StringValueOK(); name != "*" && !asked {
		return nil, refusal(codeInvalidOptions, "no option found to get")
	}
	return bson.D{{Key: featureVersion, Value: bson.D{{Key: "version", Value: "7.0"}}}}, nil
}

// getCmdLineOpts tells tools nothing of how the server was started.
func getCmdLineOpts(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "argv", Value: bson.A{"loam"}}, {Key: "parsed", Value: bson.D{}}}, nil
}

func whatsMyURI(_ context.Context, c *command) (bson.D, error) {
	return bson.D{{Key: "you", Value: c.conn.RemoteAddr().String()}}, nil
}

// top has nothing to tell: the times of operations are not added up.
func top(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "totals", Value: bson.D{{Key: "note", Value: "all times in microseconds"}}}}, nil
}

// currentOp tells of the client's own operation, which is this one.
func currentOp(_ context.Context, c *command) (bson.D, error) {
	ops := bson.A{}
	for _, op := range c.currentOps() {
		ops = append(ops, op)
	}
	return bson.D{{Key: "inprog", Value: ops}}, nil
}

func (c *command) currentOps() []bson.D {
	return []bson.D{{
		{Key: "type", Value: "op"}, {Key: "host", Value: c.address}, {Key: "connectionId", Value: c.id},
		{Key: "client", Value: c.conn.RemoteAddr().String()}, {Key: "active", Value: true}, {Key: "op", Value: "command"},
		{Key: "ns", Value: c.namespace("$cmd")}, {Key: "command", Value: bson.D{{Key: c.name, Value: int32(1)}}},
		{Key: "currentOpTime", Value: time.Now().UTC().Format(time.RFC3339Nano)},
	}}
}

func listCommands(context.Context, *command) (bson.D, error) {
	commands := bson.D{}
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		commands = append(commands, bson.E{Key: name, Value: bson.D{
			{Key: "help", Value: ""}, {Key: "requiresAuth", Value: !handlers[name].public},
			{Key: "secondaryOk", Value: false}, {Key: "adminOnly", Value: false},
		}})
	}
	return bson.D{{Key: "commands", Value: commands}}, nil
}
