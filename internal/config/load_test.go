package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write makes a file in a directory of the test's own and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parseFlags returns parsed flags; further arguments fail the test.
func parseFlags(t *testing.T, args ...string) *Flags {
	t.Helper()
	f := NewFlags("test")
	rest, err := f.Parse(args)
	if err != nil {
		t.Fatalf("parse %q: %v", args, err)
	}
	if len(rest) > 0 {
		t.Fatalf("parse %q left %q", args, rest)
	}
	return f
}

// app are the variables without which there is no configured app.
var app = []string{"PARSE_SERVER_APPLICATION_ID=app", "PARSE_SERVER_MASTER_KEY=master"}

func mustLoad(t *testing.T, src Sources) *Effective {
	t.Helper()
	e, err := Load(src)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return e
}

func TestLoad_Precedence(t *testing.T) {
	file := write(t, "loam.yaml", "maxLimit: 3\n")
	env := append([]string{"PARSE_SERVER_MAX_LIMIT=2"}, app...)
	tests := map[string]struct {
		src    Sources
		limit  int
		source string
	}{
		"flag before all":      {Sources{Flags: parseFlags(t, "--max-limit", "1"), Env: env, File: file}, 1, "flag --max-limit"},
		"environment, file":    {Sources{Env: env, File: file}, 2, "environment variable PARSE_SERVER_MAX_LIMIT"},
		"file before default":  {Sources{Env: app, File: file}, 3, "loam.yaml:1"},
		"file named by flag":   {Sources{Flags: parseFlags(t, "--config", file), Env: app}, 3, "loam.yaml:1"},
		"file named by env":    {Sources{Env: append([]string{"LOAM_CONFIG=" + file}, app...)}, 3, "loam.yaml:1"},
		"empty variable":       {Sources{Env: append([]string{"PARSE_SERVER_MAX_LIMIT="}, app...), File: file}, 3, "loam.yaml:1"},
		"Parse Server's flags": {Sources{Flags: parseFlags(t, "--maxLimit", "4"), Env: env}, 4, "flag --max-limit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := mustLoad(t, tt.src)
			if got := e.Process.Apps[0].MaxLimit; got != tt.limit {
				t.Errorf("MaxLimit = %d, want %d", got, tt.limit)
			}
			s, err := e.Get("maxLimit")
			if err != nil || s.Source != tt.source {
				t.Errorf("source = %q (%v), want %q", s.Source, err, tt.source)
			}
		})
	}
}

func TestLoad_GroupsMergeByMember(t *testing.T) {
	e := mustLoad(t, Sources{
		File:  write(t, "loam.json", `{"requestComplexity": {"queryDepth": 3, "includeDepth": 3, "includeCount": 3, "subqueryDepth": 3}}`),
		Env:   append([]string{`PARSE_SERVER_REQUEST_COMPLEXITY={"queryDepth":4,"includeDepth":4,"includeCount":4}`, "PARSE_SERVER_REQUEST_COMPLEXITY_INCLUDE_DEPTH=5"}, app...),
		Flags: parseFlags(t, `--request-complexity={"includeCount":-1}`),
	})
	c := e.Process.Apps[0].RequestComplexity
	got := []int{c.SubqueryDepth, c.QueryDepth, c.IncludeDepth, c.IncludeCount, c.BatchRequestLimit}
	if diff := cmp.Diff([]int{3, 4, 5, 0, 100}, got); diff != "" {
		t.Errorf("subqueryDepth, queryDepth, includeDepth, includeCount, batchRequestLimit (-want +got)\n%s", diff)
	}
}

func TestLoad_Defaults(t *testing.T) {
	e := mustLoad(t, Sources{Env: app})
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
	want := &Process{
		Host: "0.0.0.0", Port: 1337, MountPath: "/parse", AllowOrigin: []string{"*"},
		MaxUploadSize: 20 << 20, DrainTimeout: 25 * time.Second, DataDir: "loam-data", Mongo: MongoDoor{Username: "loam"},
		Apps: []*App{{
			AppID: "app",
			Keys: Keys{
				Master: "master", MasterIPs: loopback, MaintenanceIPs: loopback,
				ReadOnlyIPs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
			},
			ServerURL: "http://localhost:1337/parse", PublicServerURL: "http://localhost:1337/parse",
			Database: Database{
				Engine: Embedded, Path: filepath.Join("loam-data", "store"), MongoName: "app", Durability: DurabilityFull, BatchSize: 1000,
				EnableSchemaHooks: true, Indexes: SystemIndexes{true, true, true, true, true, true, true, true},
			},
			ObjectIDSize: 10, DefaultLimit: 100, EnableSanitizedErrorResponse: true,
			RequestKeywordDenylist: []Keyword{{Key: "_bsontype", Value: "Code", HasValue: true}, {Key: "constructor"}, {Key: "__proto__"}},
			Aggregation:            Aggregation{ForReadOnlyMaster: true},
			Installation:           Installation{DuplicateDeviceTokenAction: "delete", DuplicateDeviceTokenMergePriority: "deviceToken"},
			CacheMaxSize:           10000, CacheTTL: 5 * time.Second,
			Files: Files{
				Adapter:  FilesAdapter{Kind: LocalFiles, Dir: filepath.Join("loam-data", "files")},
				Upload:   FileAudience{Authenticated: true},
				Download: FileAudience{Public: true, Anonymous: true, Authenticated: true}, URLDomains: []string{"*"},
				Images:     Images{Enabled: true, MaxSide: 2048, MaxPixels: 50_000_000, CacheSize: 256 << 20, CacheDir: filepath.Join("loam-data", "cache", "images", "app")},
				UploadsDir: filepath.Join("loam-data", "uploads", "app"), MaxUploadSize: 20 << 20,
			},
			Idempotency: Idempotency{TTL: 5 * time.Minute},
			RequestComplexity: RequestComplexity{
				IncludeDepth: 10, IncludeCount: 100, SubqueryDepth: 10, SubqueryLimit: 100_000, QueryDepth: 10,
				GraphQLDepth: 20, GraphQLFields: 200, BatchRequestLimit: 100, AllowRegex: true,
				WhereNodes: 1000, InValues: 10_000, RegexLength: 1024, RequestDepth: 64, RequestKeyCount: 100_000, AnswerBytes: 128 << 20,
			},
			ProtectedFields:            ProtectedFields{"_User": {"*": {"email"}}},
			ProtectedFieldsOwnerExempt: true, ProtectedFieldsSaveResponseExempt: true,
			Users: Users{
				Anonymous: true, EnforcePrivate: true, SessionLength: 365 * 24 * time.Hour, ExpireInactiveSessions: true,
				RevokeSessionOnPasswordReset: true,
			},
			Verification:  Verification{Send: true, SuccessOnInvalidEmail: true},
			PasswordReset: PasswordReset{SuccessOnInvalidEmail: true},
			Pages:         Pages{Endpoint: "apps", FallbackLocale: "en", Placeholders: map[string]string{}},
		}},
	}
	if diff := cmp.Diff(want, e.Process, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A real configuration of Parse Server, nested options included, is one of Loam.
func TestLoad_ParseServersJSON(t *testing.T) {
	e := mustLoad(t, Sources{File: write(t, "parse-server.json", `{
		"appId": "shop",
		"masterKey": "m",
		"masterKeyIps": ["10.0.0.0/8", "::1"],
		"readOnlyMasterKey": "r",
		"javascriptKey": "js",
		"databaseURI": "mongodb://user:pw@db1:27017,db2:27018/shop?retryWrites=true&maxPoolSize=5",
		"databaseOptions": {"maxTimeMS": 30000, "maxPoolSize": 50, "readPreference": "secondaryPreferred", "createIndexUserEmail": false,
			"logClientEvents": [{"name": "serverDescriptionChanged", "keys": ["address"], "logLevel": "warn"}]},
		"serverURL": "http://localhost:1337/parse/",
		"publicServerURL": "https://api.example.com/parse",
		"allowClientClassCreation": "true",
		"port": "8080",
		"allowOrigin": "https://a.example.com,https://b.example.com",
		"protectedFields": {"_User": {"*": ["email", "phone"], "role:Admin": []}},
		"requestKeywordDenylist": [{"key": "evil"}, {"value": 7}],
		"fileUpload": {"enableForPublic": true, "allowedFileUrlDomains": []},
		"liveQuery": {"classNames": ["Order"]},
		"passwordPolicy": {"validatorPattern": "^.{8,}$", "maxPasswordHistory": 5},
		"rateLimit": [{"requestPath": "/login", "requestTimeWindow": 60000, "requestCount": 10}],
		"auth": {"google": {"clientId": "x"}},
		"verbose": true,
		"logsFolder": null
	}`)})
	p, app := e.Process, e.Process.Apps[0]
	if p.Port != 8080 || !app.AllowClientClassCreation || p.Log.Level != slog.LevelDebug || app.ServerURL != "http://localhost:1337/parse" || app.PublicServerURL != "https://api.example.com/parse" {
		t.Errorf("port %d, creation %t, level %s, URLs %s %s", p.Port, app.AllowClientClassCreation, p.Log.Level, app.ServerURL, app.PublicServerURL)
	}
	if want := []string{"https://a.example.com", "https://b.example.com"}; !cmp.Equal(p.AllowOrigin, want) {
		t.Errorf("AllowOrigin = %q", p.AllowOrigin)
	}
	db := app.Database
	if db.Engine != MongoDB || db.MaxTime != 30*time.Second || db.Indexes.UserEmail || !db.Indexes.UserUsername || db.Path != "" {
		t.Errorf("database %+v", db)
	}
	if want := "mongodb://user:pw@db1:27017,db2:27018/shop?retryWrites=true&maxPoolSize=50&readPreference=secondaryPreferred"; db.URI != want {
		t.Errorf("URI = %s, want %s", db.URI, want)
	}
	if want := []Keyword{{Key: "evil"}, {Value: 7.0, HasValue: true}}; !cmp.Equal(app.RequestKeywordDenylist, want) {
		t.Errorf("denylist %+v", app.RequestKeywordDenylist)
	}
	if diff := cmp.Diff(ProtectedFields{"_User": {"*": {"email", "phone"}, "role:Admin": {}}}, app.ProtectedFields); diff != "" {
		t.Errorf("protectedFields (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]map[string]any{"google": {"clientId": "x"}}, app.Auth); diff != "" {
		t.Errorf("auth (-want +got)\n%s", diff)
	}
	warnings := strings.Join(p.Warnings, "\n")
	for _, option := range []string{"liveQuery.classNames"} {
		if !strings.Contains(warnings, option+" is not served yet") {
			t.Errorf("no warning of %s in:\n%s", option, warnings)
		}
	}
	if strings.Contains(warnings, "logsFolder") {
		t.Errorf("null is as good as left out, but is warned about:\n%s", warnings)
	}
}

func TestLoad_WarnsOfWhatHasNoEffect(t *testing.T) {
	e := mustLoad(t, Sources{Env: append([]string{
		"PARSE_SERVER_CLUSTER=4", "PARSE_SERVER_CLOUD=./cloud/main.js", "PARSE_SERVER_CLEANUP_INVALID_INSTALLATIONS=1",
		"PARSE_SERVER_DATABASE_MAX_POOL_SIZE=5", "PARSE_SERVER_DATABASE_SOCKET_TIMEOUT_MS=1000", "PARSE_SERVER_TRUST_PROXY=true", "PARSE_SERVER_MASTER_KEY_IPS=0.0.0.0/0",
	}, app...)})
	got := strings.Join(e.Process.Warnings, "\n")
	for _, want := range []string{
		"PARSE_SERVER_CLUSTER: cluster has no effect in Loam: Processes to start",
		"PARSE_SERVER_CLOUD: cloud is not served yet",
		"PARSE_SERVER_CLEANUP_INVALID_INSTALLATIONS is not served yet",
		"databaseOptions.maxPoolSize has no effect on the embedded store",
		"databaseOptions.socketTimeoutMS has no effect in Loam: The Go driver bounds requests, not sockets",
		"trustProxy is true",
		`masterKeyIps of app "app" lets the master key be used from everywhere`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning %q in:\n%s", want, got)
		}
	}
	if e := mustLoad(t, Sources{Env: app}); len(e.Process.Warnings) > 0 {
		t.Errorf("a plain configuration is warned about: %q", e.Process.Warnings)
	}
}

func TestLoad_Apps(t *testing.T) {
	e := mustLoad(t, Sources{File: write(t, "loam.yaml", `
port: 4000
appId: one
masterKey: m1
maxLimit: 7
apps:
  - appId: two
    masterKey: m2
    databaseURI: mongodb://db/two
  - {appId: three, masterKey: m3, maxLimit: 9}
`)})
	type row struct {
		ID       string
		MaxLimit int
		Engine   Engine
		Path     string
	}
	var got []row
	for _, a := range e.Process.Apps {
		got = append(got, row{a.AppID, a.MaxLimit, a.Database.Engine, a.Database.Path})
	}
	want := []row{
		{"one", 7, Embedded, filepath.Join("loam-data", "store")},
		{"two", 0, MongoDB, ""}, // the first app's limit is its own
		{"three", 9, Embedded, filepath.Join("loam-data", "stores", "three")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s, err := e.Get("apps[1].maxLimit"); err != nil || s.Text(false) != "9" {
		t.Errorf("apps[1].maxLimit = %v, %v", s, err)
	}
	if s, err := e.Get("port"); err != nil || s.Text(false) != "4000" {
		t.Errorf("port = %v, %v", s, err)
	}
}

func TestLoad_AppsOnly(t *testing.T) {
	e := mustLoad(t, Sources{File: write(t, "loam.json", `{"port": 4000, "apps": [{"appId": "a", "masterKey": "x"}, {"appId": "b", "masterKey": "y"}]}`)})
	if len(e.Process.Apps) != 2 || e.Process.Apps[0].AppID != "a" || e.Process.Port != 4000 || e.Process.GeneratedKeys {
		t.Errorf("got %d apps, the first %q", len(e.Process.Apps), e.Process.Apps[0].AppID)
	}
}

// Parse Server's command line takes {"apps": [{…}]} with one app that has all options.
func TestLoad_OnlyAppOfParseServer(t *testing.T) {
	e := mustLoad(t, Sources{File: write(t, "loam.json", `{"apps": [{"appId": "a", "masterKey": "x", "port": 5000}]}`)})
	if len(e.Process.Apps) != 1 || e.Process.Port != 5000 {
		t.Errorf("got %d apps on port %d", len(e.Process.Apps), e.Process.Port)
	}
}

func TestLoad_Refuses(t *testing.T) {
	type source struct {
		file  string
		env   []string
		flags []string
		noApp bool
	}
	tests := map[string]struct {
		source
		want []string
	}{
		"unknown in a file":             {source{file: "maxLimits: 3"}, []string{"loam.yaml:1: maxLimits is not known; did you mean maxLimit?"}},
		"unknown in JSON":               {source{file: "{\n\"appId\": \"a\",\n\"masterkey\": \"b\"}"}, []string{"loam.yaml:3: masterkey is not known; did you mean masterKey?"}},
		"unknown in a group":            {source{file: "requestComplexity:\n  querydepth: 1"}, []string{"loam.yaml:2: requestComplexity.querydepth is not known; did you mean requestComplexity.queryDepth?"}},
		"of another group":              {source{file: "queryDepth: 1"}, []string{"queryDepth is not known; did you mean requestComplexity.queryDepth?"}},
		"unknown in a list's object":    {source{file: "rateLimit: [{requestpath: /x}]"}, []string{`rateLimit has an item 1 with "requestpath", which is not known; did you mean requestPath?`}},
		"unknown variable":              {source{env: []string{"PARSE_SERVER_MASTERKEY=x"}}, []string{"environment variable PARSE_SERVER_MASTERKEY: there is no such option; did you mean PARSE_SERVER_MASTER_KEY?"}},
		"unknown own variable":          {source{env: []string{"LOAM_DATADIR=x"}}, []string{"environment variable LOAM_DATADIR: there is no such option; did you mean LOAM_DATA_DIR?"}},
		"unknown member in a variable":  {source{env: []string{`PARSE_SERVER_DATABASE_OPTIONS={"maxTimeMs":1}`}}, []string{"environment variable PARSE_SERVER_DATABASE_OPTIONS: databaseOptions.maxTimeMs is not known; did you mean databaseOptions.maxTimeMS?"}},
		"text for an integer":           {source{env: []string{"PORT=http"}}, []string{`environment variable PORT: port must be an integer, not "http"`}},
		"text for a bool":               {source{flags: []string{"--allow-custom-object-id=maybe"}}, []string{`flag --allow-custom-object-id: allowCustomObjectId must be true or false, not "maybe"`}},
		"number for text":               {source{file: "restAPIKey: 123"}, []string{"loam.yaml:1: restAPIKey must be text, not a number; put it in quotes"}},
		"object for text":               {source{file: "masterKey: {a: 1}"}, []string{"masterKey must be text, not an object"}},
		"fraction for an integer":       {source{file: "maxLimit: 1.5"}, []string{"maxLimit must be an integer, not a number"}},
		"list for an object":            {source{file: "databaseOptions: []"}, []string{"databaseOptions must be an object, not a list"}},
		"object for a list":             {source{file: "masterKeyIps: {}"}, []string{"masterKeyIps must be a list of texts, not an object"}},
		"number in a list":              {source{file: "allowHeaders: [1]"}, []string{"allowHeaders must be a list of texts, but item 1 is none"}},
		"bad JSON in a variable":        {source{env: []string{"PARSE_SERVER_PROTECTED_FIELDS={"}}, []string{"protectedFields must be a JSON object: line 1: the JSON ends too early"}},
		"port out of range":             {source{env: []string{"PORT=70000"}}, []string{"port must be from 0 to 65535, not 70000"}},
		"no address":                    {source{env: []string{"PARSE_SERVER_MASTER_KEY_IPS=localhost"}}, []string{`masterKeyIps must hold IP addresses and CIDR ranges, not "localhost"`}},
		"limit of zero":                 {source{file: "requestComplexity: {queryDepth: 0}"}, []string{"requestComplexity.queryDepth must be a positive integer, or -1 for no limit, not 0"}},
		"origin with a slash":           {source{file: "allowOrigin: https://a.example/"}, []string{"without a path or a slash at the end"}},
		"key with a line's end":         {source{env: []string{"PARSE_SERVER_CLIENT_KEY=x\n"}}, []string{"clientKey begins or ends with white space"}},
		"app id with a slash":           {source{env: []string{"PARSE_SERVER_APPLICATION_ID=a/b"}}, []string{"appId must be at most 128 characters long and have none of"}},
		"relative mount path":           {source{flags: []string{"--mount-path=parse"}}, []string{`mountPath must begin with /, not "parse"`}},
		"PostgreSQL":                    {source{file: "databaseURI: postgres://x/y"}, []string{"databaseURI is a PostgreSQL"}},
		"unknown scheme":                {source{file: "databaseURI: redis://x"}, []string{"databaseURI must begin with file://, mongodb:// or mongodb+srv://"}},
		"unknown read preference":       {source{file: "databaseOptions: {readPreference: second}"}, []string{`databaseOptions.readPreference must be one of primary, primaryPreferred,`}},
		"unknown compressor":            {source{env: []string{"PARSE_SERVER_DATABASE_COMPRESSORS=zstd,lz4"}}, []string{`databaseOptions.compressors must be one of zstd, zlib, snappy, not "lz4"`}},
		"tags without a value":          {source{file: "databaseOptions: {readPreferenceTags: [east]}"}, []string{`databaseOptions.readPreferenceTags must be sets of tags as dc:east,rack:1, not "east"`}},
		"pool of a negative size":       {source{file: "databaseOptions: {maxPoolSize: -1}"}, []string{"databaseOptions.maxPoolSize must be from 0 to 1000000, not -1"}},
		"MongoDB without a host":        {source{file: "databaseURI: mongodb:///db"}, []string{"databaseURI names no host"}},
		"pattern that is none":          {source{file: "requestKeywordDenylist: [{key: '('}]"}, []string{"requestKeywordDenylist has an entry 1 that is no regular expression"}},
		"protected fields of no shape":  {source{file: "protectedFields: {A: [b]}"}, []string{`protectedFields must be {class: {group: [fields]}}, but "A" has no groups`}},
		"a provider without options":    {source{file: "auth: {google: yes}"}, []string{`auth must be {provider: {option: value}}, but "google" has no options`}},
		"master key twice":              {source{file: "readOnlyMasterKey: master\nrestAPIKey: master"}, []string{"readOnlyMasterKey must differ from masterKey", "restAPIKey must differ from masterKey"}},
		"given twice in YAML":           {source{file: "maxLimit: 1\nmaxLimit: 2"}, []string{`loam.yaml: line 2: "maxLimit" is given twice`}},
		"given twice in JSON":           {source{file: "{\"maxLimit\": 1,\n\"maxLimit\": 2}"}, []string{`loam.yaml: line 2: "maxLimit" is given twice`}},
		"broken YAML":                   {source{file: "a: [1"}, []string{"loam.yaml: line 1"}},
		"broken JSON":                   {source{file: "{\n\"a\": 1,\n}"}, []string{"loam.yaml: line 3"}},
		"two documents":                 {source{file: "maxLimit: 1\n---\nmaxLimit: 2"}, []string{"more than one YAML document"}},
		"YAML that contains itself":     {source{file: "auth: &a\n  b: *a"}, []string{"nested deeper than"}},
		"YAML that explodes":            {source{file: explodingYAML()}, []string{"more than 100000 values"}},
		"a list":                        {source{file: "- 1"}, []string{"loam.yaml: must be an object of options"}},
		"all problems at once":          {source{file: "a1b2c3: 1\nport: x", env: []string{"PARSE_SERVER_MAX_LIMIT=x"}}, []string{"a1b2c3 is not known", "port must be an integer", "maxLimit must be an integer"}},
		"app id alone":                  {source{noApp: true, env: []string{"PARSE_SERVER_APPLICATION_ID=a"}}, []string{"environment variable PARSE_SERVER_APPLICATION_ID: masterKey is missing: appId is set, and the two go together"}},
		"master key alone":              {source{noApp: true, env: []string{"PARSE_SERVER_MASTER_KEY=a"}}, []string{"appId is missing: masterKey is set"}},
		"option of the process in apps": {source{file: "apps:\n- {appId: b, masterKey: m, port: 1}\n- {appId: c, masterKey: m}"}, []string{"loam.yaml:2: port is an option of the whole process"}},
		"app without an id":             {source{file: "apps: [{masterKey: m}]"}, []string{"loam.yaml:1: appId is missing in this app"}},
		"a MongoDB door without a port": {source{flags: []string{"--mongo-listen", "127.0.0.1"}}, []string{"flag --mongo-listen: mongoListen must be an address with a port"}},
		"half of its certificate":       {source{flags: []string{"--mongo-listen", "127.0.0.1:0", "--mongo-tls-key-file", "k"}}, []string{"mongoTLSCertFile and mongoTLSKeyFile go together"}},
		"a database of MongoDB's own":   {source{flags: []string{"--mongo-database", "admin"}}, []string{"flag --mongo-database: mongoDatabase must be the name of a MongoDB database"}},
		"an id that is no database":     {source{noApp: true, file: "appId: a.b\nmasterKey: m\nmongoListen: '127.0.0.1:0'"}, []string{`mongoDatabase must be set for the app "a.b"`}},
		"one database for two apps":     {source{file: "mongoListen: '127.0.0.1:0'\napps: [{appId: APP, masterKey: m}]"}, []string{`mongoDatabase is the same for the apps`}},
		"a door to MongoDB itself":      {source{flags: []string{"--mongo-listen", "127.0.0.1:0", "--database-uri", "mongodb://h/d"}}, []string{"mongoListen has nothing to serve"}},
		"two apps of one id":            {source{file: "apps: [{appId: app, masterKey: m}]"}, []string{`appId "app" is that of two apps`}},
		"two apps in one store":         {source{file: "databaseURI: file:///x/y\napps: [{appId: b, masterKey: m, databaseURI: 'file:///x/../x/y/'}]"}, []string{`databaseURI is the same for the apps "app" and "b"`}},
		"two apps in one MongoDB":       {source{file: "databaseURI: mongodb://u:p@A,b:27017/d\napps: [{appId: b, masterKey: m, databaseURI: 'mongodb://b,a/d?w=1'}]"}, []string{`databaseURI is the same for the apps "app" and "b"`}},
		"option outside of all apps":    {source{noApp: true, file: "maxLimit: 3\napps: [{appId: a, masterKey: m}]"}, []string{"loam.yaml:1: maxLimit belongs to no app"}},
		"apps that are no list":         {source{file: "apps: {}"}, []string{"apps must be a list of apps"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src := Sources{Env: tt.env, Flags: parseFlags(t, tt.flags...)}
			if !tt.noApp {
				src.Env = append(append([]string{}, app...), tt.env...)
			}
			if tt.file != "" {
				src.File = write(t, "loam.yaml", tt.file)
			}
			_, err := Load(src)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%s\nwant\n%s", err, want)
				}
			}
		})
	}
}

// explodingYAML is a short file of very many values.
func explodingYAML() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [1]\n")
	for i := range 20 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

func TestLoad_MongoDBAppsMayShareADatabaseWithPrefixes(t *testing.T) {
	e := mustLoad(t, Sources{Env: app, File: write(t, "loam.yaml", "databaseURI: mongodb://a/d\napps: [{appId: b, masterKey: m, databaseURI: 'mongodb://a/d', collectionPrefix: b_}]")})
	if got := e.Process.Apps[1].Database.CollectionPrefix; got != "b_" {
		t.Errorf("prefix %q", got)
	}
}

// Kubernetes sets variables for every service of the namespace.
func TestLoad_IgnoresForeignVariables(t *testing.T) {
	e := mustLoad(t, Sources{Env: append([]string{
		"LOAM_SERVICE_HOST=10.1.2.3", "LOAM_SERVICE_PORT=1337", "LOAM_SERVICE_PORT_HTTP=1337", "LOAM_PORT=tcp://10.1.2.3:1337",
		"LOAM_PORT_1337_TCP=tcp://10.1.2.3:1337", "LOAM_PORT_1337_TCP_PROTO=tcp", "LOAM_PORT_1337_TCP_PORT=1337", "LOAM_PORT_1337_TCP_ADDR=10.1.2.3",
		"PARSE_SERVER_SERVICE_HOST=10.1.2.4", "PARSE_SERVER_PORT=tcp://10.1.2.4:1337", "LOAM_TEST_MONGODB_URI=mongodb://x", "HOME=/root", "NOEQUALS",
	}, app...)})
	if e.Process.Port != 1337 {
		t.Errorf("port %d", e.Process.Port)
	}
	_, err := Load(Sources{Env: append([]string{"PARSE_SERVER_PORT=1337"}, app...)})
	if err == nil || !strings.Contains(err.Error(), "PARSE_SERVER_PORT") {
		t.Errorf("a wrong name of PORT is let pass: %v", err)
	}
}

func TestFlags_Unknown(t *testing.T) {
	_, err := NewFlags("serve").Parse([]string{"--materKey", "x"})
	var p *Problem
	if !errors.As(err, &p) || p.Nearest != "--master-key" {
		t.Errorf("error %v", err)
	}
}

func TestFlags_ListsCollect(t *testing.T) {
	e := mustLoad(t, Sources{Env: app, Flags: parseFlags(t, "--master-key-ips", "10.0.0.1", "--masterKeyIps=10.0.0.2,::0")})
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix("::/0")}
	if got := e.Process.Apps[0].Keys.MasterIPs; !cmp.Equal(got, want, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) {
		t.Errorf("got %v", got)
	}
}

func TestLoad_TrustProxy(t *testing.T) {
	p := netip.MustParsePrefix
	tests := map[string]ProxyTrust{
		"true":                       {All: true},
		"false":                      {},
		"2":                          {Hops: 2},
		"10.0.0.1, loopback":         {Prefixes: []netip.Prefix{p("10.0.0.1/32"), p("127.0.0.0/8"), p("::1/128")}},
		`["10.0.0.0/8","linklocal"]`: {Prefixes: []netip.Prefix{p("10.0.0.0/8"), p("169.254.0.0/16"), p("fe80::/10")}},
		"[]":                         {},
	}
	for text, want := range tests {
		e := mustLoad(t, Sources{Env: append([]string{"PARSE_SERVER_TRUST_PROXY=" + text}, app...)})
		if diff := cmp.Diff(want, e.Process.TrustProxy, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("trustProxy %s (-want +got)\n%s", text, diff)
		}
	}
}

// Parse Server leaves the bounds of requests off; here, each is on.
func TestAdvisory_F20_BoundsAreOnByDefault(t *testing.T) {
	bounds := reflect.ValueOf(mustLoad(t, Sources{Env: app}).Process.Apps[0].RequestComplexity)
	for i := range bounds.NumField() {
		if bound := bounds.Field(i); bound.CanInt() && bound.Int() <= 0 {
			t.Errorf("%s is %d", bounds.Type().Field(i).Name, bound.Int())
		}
	}
}

func TestUserSensitiveFieldsAreProtected(t *testing.T) {
	for _, test := range []struct {
		file string
		want ProtectedFields
	}{
		{`{"userSensitiveFields": ["phone"]}`, ProtectedFields{"_User": {"*": {"email", "phone"}}}},
		{`{"userSensitiveFields": ["phone"], "protectedFields": {"Book": {"*": ["draft"]}}}`,
			ProtectedFields{"Book": {"*": {"draft"}}, "_User": {"*": {"email", "phone"}}}},
		{`{"userSensitiveFields": ["phone", "email"], "protectedFields": {"_User": {"*": ["phone"], "role:Admin": []}}}`,
			ProtectedFields{"_User": {"*": {"phone", "email"}, "role:Admin": {}}}},
	} {
		e, err := Load(Sources{Env: app, File: write(t, "c.json", test.file)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, e.Process.Apps[0].ProtectedFields); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.file, diff)
		}
	}
}

func TestClientEvents(t *testing.T) {
	e, err := Load(Sources{Env: app, File: write(t, "c.json", `{"databaseOptions": {"logClientEvents": [
		{"name": "commandFailed", "keys": ["failure", "command.find"], "logLevel": "warn"}, {"name": "serverOpening"}]}}`)})
	if err != nil {
		t.Fatal(err)
	}
	want := []ClientEvent{{Name: "commandFailed", Keys: []string{"failure", "command.find"}, Level: slog.LevelWarn}, {Name: "serverOpening", Level: slog.LevelInfo}}
	if diff := cmp.Diff(want, e.Process.Apps[0].Database.LogClientEvents); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, wrong := range []string{`{}`, `{"name": ""}`, `{"name": "a", "logLevel": "loud"}`} {
		if _, err := Load(Sources{Env: app, File: write(t, "c.json", `{"databaseOptions": {"logClientEvents": [`+wrong+`]}}`)}); err == nil || !strings.Contains(err.Error(), "logClientEvents") {
			t.Errorf("%s: error %v does not name the option", wrong, err)
		}
	}
}
