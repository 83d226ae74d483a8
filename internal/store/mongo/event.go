package mongo

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// EventLog asks for an event of the driver to be logged.
type EventLog struct {
	// Name is the event's in the Node.js driver, such as "commandStarted".
	Name string
	// Keys are the members of the event to log, as paths; none asks for all.
	Keys  []string
	Level slog.Level
}

// eventNames are the names of the events that can be logged. They are those of
// the Node.js driver, as are the names of the events' members.
var eventNames = []string{
	"commandStarted", "commandSucceeded", "commandFailed",
	"connectionPoolCreated", "connectionPoolReady", "connectionPoolCleared", "connectionPoolClosed",
	"connectionCreated", "connectionReady", "connectionClosed",
	"connectionCheckOutStarted", "connectionCheckOutFailed", "connectionCheckedOut", "connectionCheckedIn",
	"serverOpening", "serverClosed", "serverDescriptionChanged",
	"topologyOpening", "topologyClosed", "topologyDescriptionChanged",
	"serverHeartbeatStarted", "serverHeartbeatSucceeded", "serverHeartbeatFailed",
}

// eventLogger logs events of the driver.
type eventLogger struct {
	logger *slog.Logger
	wanted []EventLog
}

// log logs an event if it is wanted; members makes what it consists of.
func (l *eventLogger) log(ctx context.Context, name string, members func() bson.D) {
	for _, w := range l.wanted {
		if w.Name != name || !l.logger.Enabled(ctx, w.Level) {
			continue
		}
		attributes := []slog.Attr{slog.String("event", name)}
		doc, err := bson.Marshal(members())
		if err != nil {
			attributes = append(attributes, slog.Any("error", err))
		} else {
			attributes = append(attributes, w.members(doc)...)
		}
		l.logger.LogAttrs(ctx, w.Level, "MongoDB client event", attributes...)
	}
}

// members are those of an event that are wanted, in MongoDB's Extended JSON.
func (w *EventLog) members(doc bson.Raw) []slog.Attr {
	if len(w.Keys) == 0 {
		return []slog.Attr{slog.String("members", doc.String())}
	}
	var members []slog.Attr
	for _, key := range w.Keys {
		v, err := doc.LookupErr(strings.Split(key, ".")...)
		if err != nil {
			continue
		}
		text := v.String()
		if s, ok := v.StringValueOK(); ok {
			text = s
		}
		members = append(members, slog.String(key, text))
	}
	return members
}

// monitor has the client report the events that are wanted.
func (l *eventLogger) monitor(c *options.ClientOptions) {
	wants := func(prefixes ...string) bool {
		return slices.ContainsFunc(l.wanted, func(w EventLog) bool {
			return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(w.Name, prefix) })
		})
	}
	if wants("command") {
		c.SetMonitor(l.commands())
	}
	if wants("connection") {
		c.SetPoolMonitor(&event.PoolMonitor{Event: l.pool})
	}
	if wants("server", "topology") {
		c.SetServerMonitor(l.servers())
	}
}

func (l *eventLogger) commands() *event.CommandMonitor {
	finished := func(e *event.CommandFinishedEvent, more ...bson.E) bson.D {
		return append(bson.D{
			{Key: "address", Value: serverAddress(e.ConnectionID)}, {Key: "connectionId", Value: e.ConnectionID}, {Key: "requestId", Value: e.RequestID},
			{Key: "databaseName", Value: e.DatabaseName}, {Key: "commandName", Value: e.CommandName}, {Key: "duration", Value: milliseconds(e.Duration)},
		}, more...)
	}
	return &event.CommandMonitor{
		Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			l.log(ctx, "commandStarted", func() bson.D {
				return bson.D{
					{Key: "address", Value: serverAddress(e.ConnectionID)}, {Key: "connectionId", Value: e.ConnectionID}, {Key: "requestId", Value: e.RequestID},
					{Key: "databaseName", Value: e.DatabaseName}, {Key: "commandName", Value: e.CommandName}, {Key: "command", Value: e.Command},
				}
			})
		},
		Succeeded: func(ctx context.Context, e *event.CommandSucceededEvent) {
			l.log(ctx, "commandSucceeded", func() bson.D { return finished(&e.CommandFinishedEvent, bson.E{Key: "reply", Value: e.Reply}) })
		},
		Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
			l.log(ctx, "commandFailed", func() bson.D {
				return finished(&e.CommandFinishedEvent, bson.E{Key: "failure", Value: errorText(e.Failure)})
			})
		},
	}
}

// pool logs what becomes of connections. The driver's names of the events are
// Node.js's, but for a large first letter.
func (l *eventLogger) pool(e *event.PoolEvent) {
	name := strings.ToLower(e.Type[:min(1, len(e.Type))]) + e.Type[min(1, len(e.Type)):]
	l.log(context.Background(), name, func() bson.D {
		d := bson.D{{Key: "address", Value: e.Address}, {Key: "connectionId", Value: e.ConnectionID}, {Key: "durationMS", Value: milliseconds(e.Duration)}}
		if e.Reason != "" {
			d = append(d, bson.E{Key: "reason", Value: e.Reason})
		}
		if e.Error != nil {
			d = append(d, bson.E{Key: "error", Value: errorText(e.Error)})
		}
		if o := e.PoolOptions; o != nil {
			d = append(d, bson.E{Key: "options", Value: bson.D{{Key: "maxPoolSize", Value: int64(o.MaxPoolSize)}, {Key: "minPoolSize", Value: int64(o.MinPoolSize)}}})
		}
		return d
	})
}

func (l *eventLogger) servers() *event.ServerMonitor {
	log := func(name string, members func() bson.D) { l.log(context.Background(), name, members) }
	of := func(topology bson.ObjectID, server string, more ...bson.E) bson.D {
		d := bson.D{{Key: "topologyId", Value: topology}}
		if server != "" {
			d = append(d, bson.E{Key: "address", Value: server})
		}
		return append(d, more...)
	}
	changed := func(previous, next bson.D) []bson.E {
		return []bson.E{{Key: "previousDescription", Value: previous}, {Key: "newDescription", Value: next}}
	}
	heartbeat := func(connection string, awaited bool, more ...bson.E) bson.D {
		return append(bson.D{{Key: "connectionId", Value: connection}, {Key: "awaited", Value: awaited}}, more...)
	}
	return &event.ServerMonitor{
		ServerOpening: func(e *event.ServerOpeningEvent) {
			log("serverOpening", func() bson.D { return of(e.TopologyID, string(e.Address)) })
		},
		ServerClosed: func(e *event.ServerClosedEvent) {
			log("serverClosed", func() bson.D { return of(e.TopologyID, string(e.Address)) })
		},
		ServerDescriptionChanged: func(e *event.ServerDescriptionChangedEvent) {
			log("serverDescriptionChanged", func() bson.D {
				return of(e.TopologyID, string(e.Address), changed(serverDocument(e.PreviousDescription), serverDocument(e.NewDescription))...)
			})
		},
		TopologyOpening: func(e *event.TopologyOpeningEvent) {
			log("topologyOpening", func() bson.D { return of(e.TopologyID, "") })
		},
		TopologyClosed: func(e *event.TopologyClosedEvent) {
			log("topologyClosed", func() bson.D { return of(e.TopologyID, "") })
		},
		TopologyDescriptionChanged: func(e *event.TopologyDescriptionChangedEvent) {
			log("topologyDescriptionChanged", func() bson.D {
				return of(e.TopologyID, "", changed(topologyDocument(e.PreviousDescription), topologyDocument(e.NewDescription))...)
			})
		},
		ServerHeartbeatStarted: func(e *event.ServerHeartbeatStartedEvent) {
			log("serverHeartbeatStarted", func() bson.D { return heartbeat(e.ConnectionID, e.Awaited) })
		},
		ServerHeartbeatSucceeded: func(e *event.ServerHeartbeatSucceededEvent) {
			log("serverHeartbeatSucceeded", func() bson.D {
				return heartbeat(e.ConnectionID, e.Awaited, bson.E{Key: "duration", Value: milliseconds(e.Duration)}, bson.E{Key: "reply", Value: serverDocument(e.Reply)})
			})
		},
		ServerHeartbeatFailed: func(e *event.ServerHeartbeatFailedEvent) {
			log("serverHeartbeatFailed", func() bson.D {
				return heartbeat(e.ConnectionID, e.Awaited, bson.E{Key: "duration", Value: milliseconds(e.Duration)}, bson.E{Key: "failure", Value: errorText(e.Failure)})
			})
		},
	}
}

func serverDocument(d event.ServerDescription) bson.D {
	return bson.D{{Key: "address", Value: string(d.Addr)}, {Key: "type", Value: d.Kind}, {Key: "setName", Value: d.SetName}}
}

func topologyDocument(d event.TopologyDescription) bson.D {
	servers := bson.A{}
	for _, s := range d.Servers {
		servers = append(servers, serverDocument(s))
	}
	return bson.D{{Key: "type", Value: d.Kind}, {Key: "setName", Value: d.SetName}, {Key: "servers", Value: servers}}
}

// serverAddress is that of the server in a connection's id, host:port[-number].
func serverAddress(connection string) string {
	server, _, _ := strings.Cut(connection, "[")
	return server
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// errorText is what went wrong, on one line.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}
