// Command indexes writes down which collections and indexes parse-server makes
// on MongoDB, when it starts and when classes are made:
//
//	go run ./internal/parity/record/indexes
//
// It runs parse-server of internal/parity/reference, where `npm ci` was run, on
// an embedded store behind MongoDB's wire protocol, which needs no MongoDB.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/store/embedded"
)

func main() {
	reference := flag.String("reference", "internal/parity/reference", "directory of the reference server")
	output := flag.String("output", "migrations/testdata/parse-server-indexes.json", "file to write")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, *reference, *output); err != nil {
		fmt.Fprintln(os.Stderr, "record indexes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, reference, output string) (err error) {
	dir, err := os.MkdirTemp("", "parity-indexes-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	documents, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, documents.Close(context.WithoutCancel(ctx))) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	server := mongowire.New(mongowire.Single{Name: "parse", Database: documents}, mongowire.Options{})
	go func() { ended <- server.Serve(serving, listener) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	commands, err := record(ctx, reference, "mongodb://"+listener.Addr().String()+"/parse")
	if err != nil {
		return err
	}
	return os.WriteFile(output, commands, 0o644)
}

// record returns what the reference sends to the database, one command a line.
func record(ctx context.Context, reference, uri string) ([]byte, error) {
	node := exec.CommandContext(ctx, "node", "indexes.mjs", uri)
	node.Dir = reference
	node.Env = append(os.Environ(), "PARSE_SERVER_LOGS_FOLDER=null")
	node.Stderr = os.Stderr
	printed, err := node.Output()
	if err != nil {
		return nil, fmt.Errorf("node indexes.mjs: %w", err)
	}
	// The commands are the last line: parse-server warns on this stream, too.
	printed = bytes.TrimSpace(printed)
	printed = printed[bytes.LastIndexByte(printed, '\n')+1:]
	var commands []json.RawMessage
	if err := json.Unmarshal(printed, &commands); err != nil {
		return nil, fmt.Errorf("what node indexes.mjs printed: %w", err)
	}
	lines := make([]string, len(commands))
	for i, command := range commands {
		lines[i] = "  " + string(command)
	}
	return []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n"), nil
}
