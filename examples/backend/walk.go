package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"
)

// walker simulates a user of the service: it calls the service's HTTP API and prints what happened. The first step that fails is
// the last.
type walker struct {
	//nolint:containedctx // one walk, one context
	ctx    context.Context
	base   string
	out    io.Writer
	client *http.Client
	header http.Header // sent with every call while it is set
	steps  int
	err    error
}

// walk uses the backend as its users would.
func walk(ctx context.Context, base string, b *backend, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w := &walker{ctx: ctx, base: base, out: out, client: &http.Client{Transport: &http.Transport{}}}
	defer w.client.CloseIdleConnections()
	w.printf("identkit example backend at %s, on embedded fakes\n", base)
	w.chapter("Service")
	w.call("It is healthy", http.MethodGet, "/healthz", "", http.StatusOK, nil)
	b.phones.walk(w)
	b.faces.walk(w)
	b.goods.walk(w)
	if w.err != nil {
		return w.err
	}
	w.printf("\nAll %d steps succeeded.\n", w.steps)
	return nil
}

func (w *walker) printf(format string, args ...any) { _, _ = fmt.Fprintf(w.out, format, args...) }

func (w *walker) chapter(title string) {
	if w.err == nil {
		w.printf("\n%s\n", title)
	}
}

// note adds a line to the last step.
func (w *walker) note(name, value string) {
	if w.err == nil {
		w.printf("        %-16s %s\n", name, value)
	}
}

// check fails the walk unless ok.
func (w *walker) check(ok bool, format string, args ...any) {
	if w.err == nil && !ok {
		w.err = fmt.Errorf("step %d: "+format, append([]any{w.steps}, args...)...)
		w.printf("        FAILED           %v\n", w.err)
	}
}

// call is one step: a request to the service, the status it must have, and where to decode the response.
func (w *walker) call(title, method, path, body string, want int, into any) {
	if w.err != nil {
		return
	}
	w.steps++
	status, err := w.send(method, path, body, into)
	w.printf("%4d  %-58s %s %s → %d\n", w.steps, title, method, template(path), status)
	w.check(err == nil, "%s %s: %v", method, path, err)
	w.check(status == want, "%s %s: got %d, want %d", method, path, status, want)
}

func (w *walker) send(method, path, body string, into any) (int, error) {
	req, err := http.NewRequestWithContext(w.ctx, method, w.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	for name, values := range w.header {
		req.Header[name] = values
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && into != nil && resp.StatusCode < 300 {
		err = json.Unmarshal(b, into)
	}
	return resp.StatusCode, err
}

// poll calls until the response is as wanted.
func (w *walker) poll(title, path string, into any, wanted func() bool) {
	if w.err != nil {
		return
	}
	w.steps++
	for n := 1; ; n++ {
		status, err := w.send(http.MethodGet, path, "", into)
		w.check(err == nil && status == http.StatusOK, "GET %s: %d, %v", path, status, err)
		if w.err != nil {
			return
		}
		if wanted() {
			w.printf("%4d  %-58s GET %s → %d, read %d\n", w.steps, title, template(path), status, n)
			return
		}
		select {
		case <-w.ctx.Done():
			w.check(false, "GET %s: %v", path, w.ctx.Err())
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var longID = regexp.MustCompile(`/([0-9a-f]{8})-[0-9a-f-]{27}|/([A-Z2-7]{8})[A-Z2-7]{18}`)

// template shortens the ids in a path, for the transcript.
func template(path string) string { return longID.ReplaceAllString(path, "/$1$2…") }
