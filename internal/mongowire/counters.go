package mongowire

import (
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// counters count the commands, in the groups that serverStatus tells of.
type counters struct{ insert, query, update, remove, getMore, command atomic.Int64 }

func (n *counters) count(name string) {
	switch name {
	case "insert":
		n.insert.Add(1)
	case "find":
		n.query.Add(1)
	case "update":
		n.update.Add(1)
	case "delete":
		n.remove.Add(1)
	case "getMore":
		n.getMore.Add(1)
	default:
		n.command.Add(1)
	}
}

func (n *counters) document() bson.D {
	return bson.D{
		{Key: "insert", Value: n.insert.Load()}, {Key: "query", Value: n.query.Load()}, {Key: "update", Value: n.update.Load()},
		{Key: "delete", Value: n.remove.Load()}, {Key: "getmore", Value: n.getMore.Load()}, {Key: "command", Value: n.command.Load()},
	}
}
