package command

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// serveMongo runs "loam mongo" and returns the address that it prints, and what
// stops it.
func serveMongo(t *testing.T, args ...string) (uri string, stop func()) {
	t.Helper()
	c := newConsole(t, append([]string{"mongo", "--listen", "127.0.0.1:0"}, args...)...)
	code := make(chan int, 1)
	go func() { code <- c.Run(t.Context()) }()
	for !strings.Contains(c.out.String(), "\n") {
		select {
		case code := <-code:
			t.Fatalf("it ended with %d: %s", code, c.err.String())
		case <-time.After(time.Millisecond):
		}
	}
	return strings.TrimSpace(c.out.String()), func() {
		t.Helper()
		c.signals <- syscall.SIGTERM
		if code := <-code; code != exitOK {
			t.Errorf("it ended with %d: %s", code, c.err.String())
		}
	}
}

func connectMongo(t *testing.T, uri string, login *options.Credential) *mongo.Collection {
	t.Helper()
	o := options.Client().ApplyURI(uri)
	if login != nil {
		o.SetAuth(*login)
	}
	client, err := mongo.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(t.Context()) })
	return client.Database(uri[strings.LastIndex(uri, "/")+1 : strings.Index(uri, "?")]).Collection("c")
}

func TestProgram_Mongo(t *testing.T) {
	dir := t.TempDir()
	uri, stop := serveMongo(t, "--data", dir, "--database", "shop")
	if !strings.HasPrefix(uri, "mongodb://127.0.0.1:") || !strings.HasSuffix(uri, "/shop?directConnection=true") {
		t.Errorf("the address is %s", uri)
	}
	if _, err := connectMongo(t, uri, nil).InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	stop()

	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	uri, stop = serveMongo(t, "--data", dir, "--database", "shop", "--username", "ann", "--password-file", password)
	defer stop()
	if n, err := connectMongo(t, uri, &options.Credential{Username: "ann", Password: "secret one"}).CountDocuments(t.Context(), bson.D{}); n != 1 || err != nil {
		t.Errorf("there are %d documents, %v", n, err)
	}
	if err := connectMongo(t, uri, nil).FindOne(t.Context(), bson.D{}).Err(); err == nil || !strings.Contains(err.Error(), "requires authentication") {
		t.Errorf("without the password: %v", err)
	}
}

func TestProgram_MongoUsage(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]struct {
		args []string
		env  string
		code int
		err  string
	}{
		"no store":           {nil, "", exitUsage, "which store?"},
		"an argument":        {[]string{"--data", dir, "x"}, "", exitUsage, `"x" belongs to no flag`},
		"unknown flag":       {[]string{"--dat", dir}, "", exitUsage, "unknown flag"},
		"database of Mongo":  {[]string{"--data", dir, "--database", "admin"}, "", exitUsage, "--database"},
		"two passwords":      {[]string{"--data", dir, "--password", "a", "--password-file", "b"}, "", exitUsage, "two passwords"},
		"no password file":   {[]string{"--data", dir, "--password-file", filepath.Join(dir, "none")}, "", exitUsage, "--password-file"},
		"half of TLS":        {[]string{"--data", dir, "--tls-cert-file", "a"}, "", exitUsage, "go together"},
		"no name":            {[]string{"--data", dir, "--username", ""}, "LOAM_MONGO_PASSWORD=x", exitUsage, "a user name and a password"},
		"open to a network":  {[]string{"--data", dir, "--listen", "0.0.0.0:0"}, "", exitFailure, "without a password"},
		"open to all IPv6":   {[]string{"--data", dir, "--listen", "[::]:0"}, "", exitFailure, "without a password"},
		"open to everybody":  {[]string{"--data", dir, "--listen", ":0"}, "", exitFailure, "without a password"},
		"no certificate":     {[]string{"--data", dir, "--tls-cert-file", "a", "--tls-key-file", "b"}, "", exitFailure, "can't encrypt"},
		"no address":         {[]string{"--data", dir, "--listen", "here"}, "", exitFailure, "can't serve MongoDB's protocol on here"},
		"a store that isn't": {[]string{"--data", filepath.Join(dir, "file"), "--listen", "127.0.0.1:0"}, "", exitFailure, "data directory"},
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, append([]string{"mongo"}, tt.args...)...)
			c.Env = append(c.Env, tt.env)
			if code := c.Run(t.Context()); code != tt.code || !strings.Contains(c.err.String(), tt.err) {
				t.Errorf("ended with %d and said %q, want %d and %q", code, c.err.String(), tt.code, tt.err)
			}
		})
	}
}

// A data directory of "loam serve" is as good as its first app's store.
func TestProgram_MongoOfADataDirectory(t *testing.T) {
	dir := t.TempDir()
	uri, stop := serveMongo(t, "--data", filepath.Join(dir, "store"))
	if _, err := connectMongo(t, uri, nil).InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	stop()
	uri, stop = serveMongo(t, "--data", dir)
	defer stop()
	if n, err := connectMongo(t, uri, nil).CountDocuments(t.Context(), bson.D{}); n != 1 || err != nil {
		t.Errorf("there are %d documents, %v", n, err)
	}
}
