package rest

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/loam-baas/loam/internal/parse"
)

// batchParallelism is how many requests of one batch run at the same time.
const batchParallelism = 16

// subrequest is one request of a batch, which has the caller of the batch.
type subrequest struct {
	call
	act action
	// malformed tells that the body is no object.
	malformed bool
}

var errSubrequestBody = parse.NewError(parse.InvalidJSON, "batch request body must be an object")

// batch answers POST /batch: many requests, in parallel and each for itself or,
// as a transaction, one after the other and all or none. What is wrong with the
// batch itself is found before the first request runs.
func batch(ctx context.Context, c *call) (answer, error) {
	subs, err := c.subrequests(ctx)
	if err != nil {
		return answer{}, err
	}
	results := make([][]byte, len(subs))
	if transaction, _ := c.body.Get("transaction"); transaction == parse.Bool(true) {
		err = c.app.engine.Transaction(ctx, func(ctx context.Context) error {
			return runInOrder(c.app.engine.OneAnswer(ctx), subs, results)
		})
	} else {
		runInParallel(c.app.engine.OneAnswer(ctx), subs, results)
	}
	if err != nil {
		return answer{}, err
	}
	size := len("[]") + len(results)
	for _, result := range results {
		size += len(result)
	}
	json := append(make([]byte, 0, size), '[')
	for i, result := range results {
		if i > 0 {
			json = append(json, ',')
		}
		json = append(json, result...)
	}
	return answer{json: append(json, ']')}, nil
}

// subrequests decodes and routes the requests of a batch.
func (c *call) subrequests(ctx context.Context) ([]subrequest, error) {
	v, _ := c.body.Get("requests")
	requests, ok := v.(parse.Array)
	if !ok {
		return nil, parse.NewError(parse.InvalidJSON, "requests must be an array")
	}
	if limit := c.app.batchLimit; limit > 0 && len(requests) > limit && !c.caller.Master() {
		return nil, parse.Errorf(parse.InvalidJSON, "Batch request contains %d sub-requests, which exceeds the limit of %d.", len(requests), limit)
	}
	subs := make([]subrequest, len(requests))
	for i, v := range requests {
		request, _ := v.(*parse.Object)
		target, ok := memberText(request, "path")
		if !ok {
			return nil, parse.NewError(parse.InvalidJSON, "batch request path must be a string")
		}
		sub := &subs[i]
		sub.call = call{handler: c.handler, app: c.app, caller: c.caller, number: c.number, address: c.address, path: target}
		if sub.method, ok = memberText(request, "method"); !ok {
			sub.method = "undefined" // as a missing one is named in messages
		}
		if body, ok := request.Get("body"); ok && body != (parse.Null{}) {
			sub.body, ok = objectOf(body)
			sub.malformed = !ok
		}
	}
	for i := range subs {
		if err := subs[i].route(ctx); err != nil {
			return nil, err
		}
	}
	return subs, nil
}

// route finds what a request of a batch is to do. It passes the checks that a
// request by itself passes (advisories A27, F25); the keys are the batch's.
func (s *subrequest) route(ctx context.Context) error {
	target, ok := s.app.belowPrefix(s.path, s.handler.mount)
	if !ok {
		return parse.NewError(parse.InvalidJSON, "cannot route batch path "+s.path)
	}
	s.path = canonical(target)
	if strings.EqualFold(s.method, http.MethodPost) && strings.EqualFold(s.path, "/batch") {
		return parse.NewError(parse.InvalidJSON, "nested batch requests are not allowed")
	}
	if err := s.app.checkRoute(s.caller, strings.ToUpper(s.method), s.path); err != nil {
		return err
	}
	if err := s.countRequest(ctx, strings.ToUpper(s.method), http.MethodPost); err != nil {
		return err
	}
	if s.act = s.handler.routes.find(&s.call); s.act == nil {
		return noRoute(s.method, s.path, http.StatusBadRequest)
	}
	return nil
}

// batchPrefixes are the paths of the API's URLs, which may differ from the
// mount path when a proxy changes paths.
func batchPrefixes(urls ...string) []string {
	var prefixes []string
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || text == "" {
			continue
		}
		if prefix := strings.TrimSuffix(u.Path, "/"); !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}

// belowPrefix strips from a path the longest prefix that the API is known by.
func (a *App) belowPrefix(target, mount string) (string, bool) {
	longest := -1
	if hasPathPrefix(target, mount) {
		longest = len(mount)
	}
	for _, prefix := range a.prefixes {
		if hasPathPrefix(target, prefix) {
			longest = max(longest, len(prefix))
		}
	}
	if longest < 0 {
		return "", false
	}
	return path.Join("/", target[longest:]), true
}

// hasPathPrefix tells whether the prefix is whole elements of the path.
func hasPathPrefix(target, prefix string) bool {
	rest, ok := strings.CutPrefix(target, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// runInOrder runs the requests one after the other until one fails.
func runInOrder(ctx context.Context, subs []subrequest, results [][]byte) error {
	for i := range subs {
		a, err := subs[i].perform(ctx)
		if err != nil {
			return err
		}
		results[i] = success(a)
	}
	return nil
}

// runInParallel runs all requests and waits for them.
func runInParallel(ctx context.Context, subs []subrequest, results [][]byte) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(subs); i = int(next.Add(1)) - 1 {
			a, err := subs[i].perform(ctx)
			if err != nil {
				public := appendError([]byte(`{"error":`), subs[i].public(err))
				results[i] = append(public, '}')
				continue
			}
			results[i] = success(a)
		}
	}
	var workers sync.WaitGroup
	for range min(len(subs), batchParallelism) - 1 {
		workers.Go(work)
	}
	work()
	workers.Wait()
}

func success(a answer) []byte {
	success := append(append([]byte(`{"success":`), a.json...), '}')
	a.done()
	return success
}

// perform runs one request; a panic in it is an error of it alone.
func (s *subrequest) perform(ctx context.Context) (a answer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = panicked(fault)
		}
	}()
	if s.malformed {
		return answer{}, errSubrequestBody
	}
	return s.act(ctx, &s.call)
}
