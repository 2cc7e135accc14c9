package transport

import (
	"context"
	"crypto/tls"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/providertest/leaktest"
)

func TestADownloadIsBoundedByItsContextTimeoutAndRate(t *testing.T) {
	t.Parallel()
	any := identkittest.Any()
	slow := func(perSecond int) identkittest.Rule { return any.SlowBody(perSecond/10, 100*time.Millisecond) }
	for name, c := range map[string]struct {
		rule    identkittest.Rule
		size    string
		retry   identkit.RetryPolicy
		timeout time.Duration // WithTimeout
		within  time.Duration // of the context
		pause   time.Duration // of the reader, for every 1,000 bytes
		lasts   time.Duration
		detail  string // "": success
		early   bool   // fails before it is handed out
	}{
		"longer than every timeout":        {rule: slow(17_000), size: "5100000", lasts: 300 * time.Second},
		"below 16 KiB/s":                   {rule: slow(16_000), size: "5100000", lasts: 10 * time.Second, detail: "transfer is slower than the minimum rate"},
		"of unknown size":                  {rule: slow(16_000), size: "u5100000", lasts: 10 * time.Second, detail: "transfer is slower than the minimum rate"},
		"that stops":                       {rule: any.SlowBody(1_000_000, time.Hour), size: "5100000", lasts: 20 * time.Second, detail: "transfer is slower than the minimum rate"},
		"no minimum":                       {rule: slow(1_000), size: "5000000", retry: identkit.RetryPolicy{MinRate: -1}, lasts: 5000 * time.Second},
		"a higher minimum":                 {rule: slow(32_000), size: "5100000", retry: identkit.RetryPolicy{MinRate: 2 << 10}, lasts: 10 * time.Second, detail: "transfer is slower than the minimum rate"},
		"a minimum beyond integers":        {rule: slow(32_000), size: "5100000", retry: identkit.RetryPolicy{MinRate: math.MaxInt64}, lasts: 10 * time.Second, detail: "transfer is slower than the minimum rate"},
		"a reader that takes its time":     {size: "300000", pause: time.Minute, lasts: 300 * time.Minute},
		"and whose server takes its, too":  {rule: slow(100_000), size: "300000", pause: time.Minute, lasts: 300 * time.Minute},
		"a reader slower than a slow body": {rule: slow(16_000), size: "400000", pause: time.Second, lasts: 170 * time.Second, detail: "transfer is slower than the minimum rate"},
		"WithTimeout":                      {rule: slow(17_000), size: "5100000", timeout: 20 * time.Second, lasts: 20 * time.Second, detail: "call timed out"},
		"WithTimeout, a reader that waits": {size: "300000", pause: time.Minute, timeout: 90 * time.Second, lasts: 2 * time.Minute, detail: "call timed out"},
		"the context's deadline":           {rule: slow(17_000), size: "5100000", within: 150 * time.Second, lasts: 150 * time.Second, detail: "context deadline exceeded"},
		"the header's time":                {rule: any.SlowHeader(time.Hour), size: "10", retry: identkit.RetryPolicy{AttemptTimeout: time.Hour}, lasts: 2 * time.Minute, detail: "call timed out", early: true},
		"an attempt for the header":        {rule: any.SlowHeader(time.Hour), size: "10", retry: identkit.RetryPolicy{MaxAttempts: 1}, lasts: 30 * time.Second, detail: "attempt timed out", early: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, o := fakeOfFiles(), new(recorder)
				defer srv.Close()
				if c.rule.Err() == nil {
					srv.Fault(c.rule)
				}
				client := filesClient(t, srv.URL(), srv.Transport(), func(cfg *Config) { cfg.Options.Observer, cfg.Options.Retry = o.observer(), c.retry })
				ctx, opts := t.Context(), []identkit.CallOption(nil)
				if c.within > 0 {
					within, cancel := context.WithTimeout(ctx, c.within)
					defer cancel()
					ctx = within
				}
				if c.timeout > 0 {
					opts = append(opts, identkit.WithTimeout(c.timeout))
				}
				start := time.Now()
				d, err := getOne(ctx, client, c.size, opts...)
				if !c.early {
					require.NoError(t, err)
					err = readSlowly(d, c.pause)
				}
				assert.InDelta(t, c.lasts, time.Since(start), float64(3*time.Second))
				if c.detail == "" {
					require.NoError(t, err)
					require.NoError(t, d.Close())
				} else {
					var e *identkit.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, c.detail, strings.TrimPrefix(e.Detail, "fake.test:443: "))
					require.ErrorIs(t, err, identkit.ErrTimeout)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					if !c.early {
						assert.Same(t, e, d.Close())
					}
				}
				synctest.Wait()
				require.Len(t, o.ends, 1)
				assert.Equal(t, c.detail != "", o.ends[0].Kind == identkit.ErrTimeout)
			})
		})
	}
}

func readSlowly(d io.Reader, pause time.Duration) error {
	if pause == 0 {
		_, err := io.Copy(io.Discard, d)
		return err
	}
	buf := make([]byte, 1000)
	for {
		if _, err := io.ReadFull(d, buf); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		time.Sleep(pause) // of a bubble
	}
}

func TestADroppedDownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read int // bytes, before it is dropped
		opts []identkit.CallOption
		kind identkit.Kind
		ends time.Duration
	}{
		"not begun":   {0, nil, identkit.ErrCanceled, time.Hour},
		"begun":       {1000, nil, identkit.ErrCanceled, time.Hour},
		"read whole":  {100_000, nil, "", time.Hour},
		"WithTimeout": {1000, []identkit.CallOption{identkit.WithTimeout(time.Minute)}, identkit.ErrTimeout, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
				srv, o := fakeOfFiles(), new(recorder)
				defer srv.Close()
				var released atomic.Int32
				client := filesClient(t, srv.URL(), tripper(func(r *http.Request) (*http.Response, error) {
					resp, err := srv.Transport().RoundTrip(r)
					resp.Body = closing{resp.Body, &released}
					return resp, err
				}), func(cfg *Config) { cfg.Options.Observer = o.observer() })
				ctx, cancel := context.WithCancel(t.Context())
				d, err := getOne(ctx, client, "100000", c.opts...)
				require.NoError(t, err)
				_, err = io.ReadFull(d, make([]byte, c.read))
				require.NoError(t, err)
				time.Sleep(time.Hour)
				synctest.Wait()
				if len(c.opts) == 0 {
					assert.Empty(t, o.ends)
				}
				cancel()
				synctest.Wait()
				assert.Positive(t, released.Load())
				require.Len(t, o.ends, 1)
				assert.Equal(t, c.kind, o.ends[0].Kind)
				assert.Equal(t, c.ends, o.ends[0].Duration)
				_, err = d.Read(make([]byte, 1))
				if c.kind == "" {
					require.ErrorIs(t, err, io.EOF)
					require.NoError(t, d.Close())
				} else {
					require.ErrorIs(t, err, c.kind)
					require.ErrorIs(t, d.Close(), c.kind)
				}
				assert.Len(t, o.ends, 1)
			})
		})
	}
}

func TestADroppedDownloadReleasesItsConnection(t *testing.T) {
	t.Parallel()
	leaktest.Check(t)
	for _, h2 := range []bool{false, true} {
		gone := make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(gone)
			_, _ = w.Write([]byte("begun"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		server.EnableHTTP2 = h2
		server.StartTLS()
		own := pooled()
		own.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		ctx, cancel := context.WithCancel(t.Context())
		_, err := getOne(ctx, filesClient(t, server.URL, own), "1")
		require.NoError(t, err)
		cancel()
		<-gone
		own.CloseIdleConnections()
		server.Close()
	}
}

func TestADownloadEndsUnderItsReader(t *testing.T) {
	t.Parallel()
	for name, closes := range map[string]bool{"by Close": true, "by the context": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
				o := new(recorder)
				client := filesClient(t, base, rt, func(cfg *Config) { cfg.Options.Observer = o.observer() })
				srv.Fault(identkittest.Any().SlowBody(10, time.Hour))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				d, err := getOne(ctx, client, "100")
				require.NoError(t, err)
				done := make(chan error)
				go func() {
					_, err := io.ReadAll(d)
					done <- err
				}()
				if closes {
					require.NoError(t, d.Close())
					require.ErrorIs(t, <-done, http.ErrBodyReadAfterClose)
				} else {
					cancel()
					require.ErrorIs(t, <-done, identkit.ErrCanceled)
					require.ErrorIs(t, d.Close(), context.Canceled)
				}
				assert.Len(t, o.ends, 1)
			})
		})
	}
}

func TestACallEndsOnceWhoeverEndsItsDownload(t *testing.T) {
	t.Parallel()
	srv := fakeOfFiles()
	for range 200 {
		o := new(recorder)
		client := filesClient(t, srv.URL(), srv.Transport(), func(cfg *Config) { cfg.Options.Observer = o.observer() })
		ctx, cancel := context.WithCancel(t.Context())
		d, err := getOne(ctx, client, "100000")
		require.NoError(t, err)
		var all sync.WaitGroup
		all.Go(cancel)
		all.Go(func() { _, _ = io.Copy(io.Discard, d) })
		all.Go(func() { _ = d.Close() })
		all.Wait()
		_ = d.Close()
		assert.Len(t, o.ends, 1)
	}
}

func TestAnOperationChecksTypeAndSizeOfItsDownload(t *testing.T) {
	t.Parallel()
	closed := new(atomic.Int32)
	o := new(recorder)
	c := filesClient(t, "https://h", tripper(func(r *http.Request) (*http.Response, error) {
		context.AfterFunc(r.Context(), func() { closed.Add(1) })
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: 2, Body: closing{strings.NewReader("ok"), closed}}, nil
	}), func(cfg *Config) { cfg.Options.Observer = o.observer() })
	op := getFile
	op.Check = func(d *identkit.Download) error {
		if !strings.HasPrefix(d.ContentType, "image/") {
			return Contradiction("response is no image")
		}
		return nil
	}
	d, err := op.Do(t.Context(), c, thingParams{id: "1"}, nil)
	assert.Nil(t, d)
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	require.ErrorContains(t, err, "no image")
	assert.Positive(t, closed.Load(), "what nobody gets is closed")
	assert.Len(t, o.ends, 1)

	var out identkit.Download
	require.NoError(t, c.Call(t.Context(), identkit.Request{Path: "/any"}, &out, nil))
	got, err := io.ReadAll(&out)
	require.NoError(t, err)
	assert.Equal(t, "ok", string(got))
	require.NoError(t, out.Close())
	assert.Len(t, o.ends, 2)
	assert.EqualValues(t, 128<<20, getFile.Facts().MaxBytes)
	assert.Zero(t, readThing.Facts().MaxBytes)
}

type closing struct {
	io.Reader
	closed *atomic.Int32
}

func (c closing) Close() error { c.closed.Add(1); return nil }

func TestADownloadSetsTheCookiesOfItsJar(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	srv := fakeOfFiles()
	srv.Fault(identkittest.Any().Header("Set-Cookie", "lane=1; Path=/"))
	c := filesClient(t, srv.URL(), srv.Transport(), func(cfg *Config) { cfg.Options.HTTPClient.Jar = jar })
	d, err := getOne(t.Context(), c, "10")
	require.NoError(t, err)
	require.NoError(t, d.Close())
	base, err := url.Parse(srv.URL())
	require.NoError(t, err)
	assert.Len(t, jar.Cookies(base), 1)
}

func TestAWholeDownloadLeavesItsConnectionToOthers(t *testing.T) {
	t.Parallel()
	srv := fakeOfFiles()
	require.NoError(t, srv.StartTLS())
	t.Cleanup(srv.Close)
	own := pooled()
	own.TLSClientConfig = &tls.Config{RootCAs: srv.RootCAs(), MinVersion: tls.VersionTLS12}
	t.Cleanup(own.CloseIdleConnections)
	var (
		mu     sync.Mutex
		dialed int
	)
	dial := own.DialTLSContext
	own.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		dialed++
		mu.Unlock()
		return dial(ctx, network, addr)
	}
	c := filesClient(t, srv.URL(), own)
	for range 5 {
		d, err := getOne(t.Context(), c, "100000")
		require.NoError(t, err)
		_, err = io.ReadFull(d, make([]byte, 100_000)) // without a look at the end
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
	assert.Equal(t, 1, dialed)
	d, err := getOne(t.Context(), c, "100000000")
	require.NoError(t, err)
	_, err = io.ReadFull(d, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, d.Close(), "closing it early is no failure")
	_, err = d.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	require.NotErrorIs(t, err, io.EOF)
}
