package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"time"

	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

type loadResult struct {
	perSecond     float64
	before, after uint64 // live heap, with the store full and after all further deliveries
}

const (
	storeSize  = 10_000
	deliveries = 100_000
)

// loadDirect calls the handler without a network.
func loadDirect() (loadResult, error) {
	return load(1, func(h http.Handler) (func(*http.Request) (int, error), func()) {
		return func(r *http.Request) (int, error) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code, nil
		}, func() {}
	})
}

// loadHTTP sends deliveries over 16 connections; client and server share the one core.
func loadHTTP() (loadResult, error) {
	return load(16, func(h http.Handler) (func(*http.Request) (int, error), func()) {
		server := httptest.NewServer(h)
		client := server.Client()
		if t, ok := client.Transport.(*http.Transport); ok {
			t.MaxIdleConnsPerHost = 64
		}
		return func(r *http.Request) (int, error) {
			r.URL.Host, r.RequestURI = server.Listener.Addr().String(), ""
			response, err := client.Do(r)
			if err != nil {
				return 0, err
			}
			_, _ = io.Copy(io.Discard, response.Body)
			return response.StatusCode, response.Body.Close()
		}, server.Close
	})
}

func load(senders int, connect func(http.Handler) (deliver func(*http.Request) (int, error), done func())) (loadResult, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	handler, err := webhook.NewHandler(webhook.Config[event]{
		Name:   "bench",
		Verify: must(webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keys(standardSecret)})),
		Store:  webhook.NewMemoryStore(webhook.MemoryConfig{MaxEntries: storeSize}),
		Handle: func(context.Context, event) error { return nil },
	})
	if err != nil {
		return loadResult{}, err
	}
	deliver, done := connect(handler)
	defer done()
	body := eventBody()
	sign := webhooktest.SignStandard(standardSecret)
	// Requests are signed outside of the measured time, in batches, so that they do not fill the heap.
	portion := func(first, n int) ([]*http.Request, error) {
		requests := make([]*http.Request, n)
		for i := range requests {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost/", bytes.NewReader(body))
			if err != nil {
				return nil, err
			}
			r.Header.Set("Content-Type", "application/json")
			if err := sign(&webhooktest.Outgoing{Request: r, Body: body, ID: fmt.Sprint("msg_", first+i), Time: time.Now()}); err != nil {
				return nil, err
			}
			requests[i] = r
		}
		return requests, nil
	}
	var result loadResult
	var busy time.Duration
	const size = 5000
	for first := 0; first < storeSize+deliveries; first += size {
		if first == storeSize {
			result.before, busy = heap(), 0
		}
		requests, err := portion(first, size)
		if err != nil {
			return loadResult{}, err
		}
		elapsed, err := sendAll(senders, requests, deliver)
		if err != nil {
			return loadResult{}, err
		}
		busy += elapsed
	}
	result.after = heap()
	runtime.KeepAlive(deliver)
	runtime.KeepAlive(handler)
	result.perSecond = deliveries / busy.Seconds()
	return result, nil
}

func sendAll(senders int, requests []*http.Request, deliver func(*http.Request) (int, error)) (time.Duration, error) {
	var all sync.WaitGroup
	failed := make(chan error, senders)
	start := time.Now()
	for s := range senders {
		all.Go(func() {
			for i := s; i < len(requests); i += senders {
				status, err := deliver(requests[i])
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("status %d", status)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	elapsed := time.Since(start)
	close(failed)
	return elapsed, <-failed
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
