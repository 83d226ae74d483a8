package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// load asks requests over a number of connections, each of which sends its next
// request when it has the answer to the last one.
type load struct {
	address string
	// requests are whole HTTP requests; each connection takes every so-manieth.
	requests    [][]byte
	connections int
	// check is an error for an answer that is not what the request asked for.
	check func(status int, body []byte) error
}

// run asks for some time and returns how long each answer took, sorted.
func (l load) run(ctx context.Context, d time.Duration) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	latencies := make([][]time.Duration, l.connections)
	errs := make([]error, l.connections)
	var clients sync.WaitGroup
	for i := range l.connections {
		clients.Go(func() {
			if latencies[i], errs[i] = l.client(ctx, i); errs[i] != nil {
				cancel()
			}
		})
	}
	clients.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return all, nil
}

func (l load) client(ctx context.Context, number int) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	var latencies []time.Duration
	var body []byte
	for i := number; ctx.Err() == nil; i += l.connections {
		request := l.requests[i%len(l.requests)]
		start := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return nil, err
		}
		if body, err = readInto(body[:0], response.Body); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(start))
		if err := l.check(response.StatusCode, body); err != nil {
			return nil, fmt.Errorf("%w: %d %.300s", err, response.StatusCode, body)
		}
	}
	return latencies, nil
}

// readInto reads all into a buffer that is used again.
func readInto(buffer []byte, r io.ReadCloser) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			buffer = slices.Grow(buffer, 32<<10)
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err == io.EOF {
			return buffer, r.Close()
		}
		if err != nil {
			return nil, err
		}
	}
}

// request is an HTTP request as it goes over the wire.
func request(method, address, path, body string, headers ...string) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, address)
	for _, h := range headers {
		b = append(append(b, h...), "\r\n"...)
	}
	if body != "" {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(b, "\r\n"...), body...)
}
