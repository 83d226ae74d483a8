package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Process is the configuration of one running Loam. It is complete and checked;
// nothing in it is shared with another Process.
type Process struct {
	// Host and Port are where the one listener listens. Port 0 lets the system choose.
	Host string
	Port int
	// MountPath is the prefix of the REST API: "/parse", or "" for the root. It
	// has no slash at its end.
	MountPath string
	// TrustProxy tells whose X-Forwarded-For is believed.
	TrustProxy ProxyTrust
	// AllowOrigin are the origins that browsers may call from; "*" is any.
	AllowOrigin []string
	// AllowHeaders are header names that browsers may send besides Parse's own.
	AllowHeaders []string
	// MaxUploadSize bounds every request body, in bytes.
	MaxUploadSize int64
	// DrainTimeout is how long running requests may take after the signal to stop.
	DrainTimeout time.Duration

	// Mongo says how the embedded stores are served to MongoDB's own tools.
	Mongo MongoDoor

	// Log says what is logged, and how.
	Log Log
	// DataDir is where Loam keeps generated keys and, by default, its databases.
	DataDir string
	// GeneratedKeys tells that the first app's id and master key are those of
	// the data directory's keys file, as none were configured.
	GeneratedKeys bool

	// Apps are the apps that the process serves, one at least; the first is the default.
	Apps []*App
	// Warnings are what an operator should be told about this configuration: options
	// that do nothing yet, and settings that are legal but unwise.
	Warnings []string
}

// MongoDoor configures the door that speaks MongoDB's wire protocol.
type MongoDoor struct {
	// Listen is a host and a port; empty when there is no door.
	Listen string
	// Username and Password are what clients log in with; with no password they
	// needn't.
	Username, Password string
	// CertFile and KeyFile are PEM files; empty when connections are not encrypted.
	CertFile, KeyFile string
}

// Log configures the process's log.
type Log struct {
	Level  slog.Level
	JSON   bool
	Silent bool
}

// ProxyTrust says which peers are proxies whose X-Forwarded-For header is to be
// believed. The zero ProxyTrust trusts none. It carries the meaning of Express's
// setting "trust proxy", which Parse Server's option trustProxy is.
type ProxyTrust struct {
	// All believes whatever the header says: its leftmost address is the client.
	All bool
	// Hops is the number of proxies in front of Loam.
	Hops int
	// Prefixes are the addresses of proxies.
	Prefixes []netip.Prefix
}

// App is the configuration of one application. The fields carry the meaning of
// Parse Server's options of the same name.
type App struct {
	AppID   string
	AppName string
	Keys    Keys

	// ServerURL is the URL of the REST API as the server itself sees it, and
	// PublicServerURL as clients see it; neither ends in a slash, and both are set.
	ServerURL       string
	PublicServerURL string

	Database Database

	Mail          Mail
	Verification  Verification
	PasswordReset PasswordReset
	Pages         Pages

	AllowClientClassCreation bool
	AllowCustomObjectID      bool
	// ObjectIDSize is the length of generated object ids, in characters.
	ObjectIDSize int
	// DefaultLimit is the number of results of a query that names none.
	DefaultLimit int
	// MaxLimit caps the results of every query; 0 is no cap.
	MaxLimit                     int
	EnableSanitizedErrorResponse bool
	RequestKeywordDenylist       []Keyword
	RequestComplexity            RequestComplexity
	RateLimits                   []RateLimit
	Idempotency                  Idempotency
	Schema                       Schema
	Aggregation                  Aggregation
	Installation                 Installation
	// CacheMaxSize is how many session tokens are remembered, and CacheTTL for how long.
	CacheMaxSize int
	CacheTTL     time.Duration
	Files        Files
	// RouteAllowList are the regular expressions of the only routes that clients
	// may use; nil lets them use all.
	RouteAllowList                    []string
	ProtectedFields                   ProtectedFields
	ProtectedFieldsOwnerExempt        bool
	ProtectedFieldsSaveResponseExempt bool
	// UserSensitiveFields are in ProtectedFields, too.
	UserSensitiveFields []string
	Users               Users

	// Auth are the options of identity providers, by the provider's name. What they
	// are is the providers' to say.
	Auth map[string]map[string]any
	// EnableInsecureAuthAdapters allows providers that take a token which may have
	// been made for another app.
	EnableInsecureAuthAdapters bool
}

// Users says how users sign up, and how long they stay logged in.
type Users struct {
	// Anonymous lets users sign up without a name.
	Anonymous bool
	// EnforcePrivate makes new users readable by themselves only.
	EnforcePrivate bool
	// UsernameToLowercase and EmailToLowercase say how both are stored.
	UsernameToLowercase, EmailToLowercase bool
	// SessionLength is how long a session lasts, if ExpireInactiveSessions.
	SessionLength          time.Duration
	ExpireInactiveSessions bool
	// ExtendSessionOnUse gives a session that is used past half of it its length again.
	ExtendSessionOnUse bool
	// RevokeSessionOnPasswordReset ends a user's sessions with a new password.
	RevokeSessionOnPasswordReset bool
	Password                     PasswordPolicy
	Lockout                      AccountLockout
}

// PasswordPolicy is what passwords must be like.
type PasswordPolicy struct {
	// Pattern is a regular expression that they must match; "" is none.
	Pattern string
	// Error is what the user is told of one that won't do; "" is a general word.
	Error string
	// NoUsername says that they may not hold the username.
	NoUsername bool
	// MaxAge is the days after which one must be changed, and History how many
	// passwords in a row must differ; 0 is no bound.
	MaxAge, History int
}

// AccountLockout closes an account for some minutes after failed log-ins.
type AccountLockout struct {
	// Duration is in minutes. With a Threshold of 0 no account is closed.
	Duration, Threshold int
}

// Keys are what callers of an app identify themselves with. An empty key is one
// that is not configured and that nobody can present.
type Keys struct {
	Master      string
	ReadOnly    string
	Maintenance string
	// The addresses from which the three keys above are accepted.
	MasterIPs, ReadOnlyIPs, MaintenanceIPs []netip.Prefix

	// The keys of client SDKs: when any is configured, a client must present one.
	Client, JavaScript, REST, DotNet string

	// File and Encryption concern stored files, Webhook outgoing calls.
	File, Encryption, Webhook string
}

// Engine is a kind of document store.
type Engine string

// The engines that a database can run on.
const (
	Embedded Engine = "embedded"
	MongoDB  Engine = "mongodb"
)

// Database says where an app's documents are.
type Database struct {
	Engine Engine
	// URI is the MongoDB connection string, with the driver's options that
	// databaseOptions sets; empty when embedded.
	URI string
	// Path is the embedded store's directory; empty with MongoDB.
	Path string
	// MongoName is the database as which the embedded store is served to MongoDB's
	// tools.
	MongoName string
	// CollectionPrefix comes before the name of every collection.
	CollectionPrefix string
	// Durability is what the embedded store promises of an acknowledged write.
	Durability Durability

	// ClientName and ClientVersion are what MongoDB logs as the client's.
	ClientName, ClientVersion string

	// LogClientEvents are the events of MongoDB's driver to log.
	LogClientEvents []ClientEvent

	// AllowPublicExplain lets clients ask for query plans.
	AllowPublicExplain bool
	// MaxTime bounds each query's time in the database; 0 is no bound.
	MaxTime time.Duration
	// BatchSize is the number of documents that a cursor fetches at a time.
	BatchSize int
	// SchemaCacheTTL is the age at which the schema is read anew; 0 is never.
	SchemaCacheTTL time.Duration
	// EnableSchemaHooks follows changes that other processes make to the schema.
	EnableSchemaHooks bool
	// Indexes says which indexes of system classes are ensured at the start.
	Indexes SystemIndexes
	// CollationCaseComparison says that the collection of users compares texts
	// without regard to case by itself.
	CollationCaseComparison bool
	// DisableIndexFieldValidation lets indexes name fields that a class does not have.
	DisableIndexFieldValidation bool
}

// ClientEvent is an event of MongoDB's driver to log.
type ClientEvent struct {
	// Name is the event's in the Node.js driver.
	Name string
	// Keys are the members of it to log, as paths; none means all.
	Keys  []string
	Level slog.Level
}

// Durability is a promise about acknowledged writes.
type Durability string

// The promises that the embedded store can make.
const (
	// DurabilityFull: acknowledged means on the disk, whatever fails then.
	DurabilityFull Durability = "full"
	// DurabilityNormal: acknowledged survives the process's end; the last moments
	// may be lost when the machine loses power. The store stays consistent.
	DurabilityNormal Durability = "normal"
)

// SystemIndexes are the indexes that Parse Server's options createIndex… switch.
type SystemIndexes struct {
	UserUsername, UserUsernameCaseInsensitive bool
	UserEmail, UserEmailCaseInsensitive       bool
	UserEmailVerifyToken                      bool
	UserPasswordResetToken                    bool
	RoleName                                  bool
	AuthDataUniqueness                        bool
}

// Keyword is an entry of requestKeywordDenylist: a member of a request with this
// key, this value, or both, is refused.
type Keyword struct {
	// Key is a regular expression for the member's name; empty is any name.
	Key string
	// Value is the value refused: a string (a regular expression), number, bool
	// or nil. HasValue tells whether there is one.
	Value    any
	HasValue bool
}

// RequestComplexity are the bounds of what one request may ask for, unless it
// comes with the master key. In every one of them 0 is no bound.
type RequestComplexity struct {
	IncludeDepth, IncludeCount    int
	SubqueryDepth, SubqueryLimit  int
	QueryDepth                    int
	GraphQLDepth, GraphQLFields   int
	BatchRequestLimit             int
	AllowRegex                    bool
	WhereNodes, InValues          int
	RegexLength                   int
	RequestDepth, RequestKeyCount int
	AnswerBytes                   int
}

// Idempotency says which requests are carried out once, however often they are
// sent with the same id.
type Idempotency struct {
	// Paths are regular expressions for paths without the first slash.
	Paths []string
	// TTL is how long an id is remembered.
	TTL time.Duration
}

// Aggregation says what aggregations do unless they say otherwise.
type Aggregation struct {
	// RawValues and RawFieldNames give values and names as the database has them.
	RawValues, RawFieldNames bool
	// ForReadOnlyMaster lets the read-only master key run them.
	ForReadOnlyMaster bool
}

// Installation says what happens when two installations have one device token.
type Installation struct {
	// DuplicateDeviceTokenAction is "delete" or "update".
	DuplicateDeviceTokenAction string
	// DuplicateDeviceTokenMergePriority is "deviceToken" or "installationId".
	DuplicateDeviceTokenMergePriority     string
	DuplicateDeviceTokenActionEnforceAuth bool
}

// Schema is classes kept as code.
type Schema struct {
	// Definitions are the JSON of class definitions; nil when there are none.
	Definitions                                                           [][]byte
	Strict, DeleteExtraFields, RecreateModifiedFields, KeepUnknownIndexes bool
	// Lock refuses changes of classes through the API.
	Lock bool
}

// ProtectedFields are, per class and per group of users ("*", "authenticated",
// "role:Name", "userField:field" or a user's id), the fields hidden from them.
type ProtectedFields map[string]map[string][]string
