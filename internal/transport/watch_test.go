package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// takes reads a request's body at so many bytes a second, responds after a pause, and ends with the request's context.
func takes(rate int, pause time.Duration, response io.Reader) tripper {
	return func(r *http.Request) (*http.Response, error) {
		wait := func(d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-r.Context().Done():
				return r.Context().Err()
			}
		}
		buf := make([]byte, rate)
		for r.Body != nil {
			_, err := io.ReadFull(r.Body, buf)
			if err := wait(time.Second); err != nil {
				return nil, err
			}
			if err != nil {
				break
			}
		}
		if err := wait(pause); err != nil {
			return nil, err
		}
		body := io.NopCloser(untilDone{response, r.Context()})
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, ContentLength: -1, ProtoMajor: 2}, nil
	}
}

type untilDone struct {
	io.Reader
	ctx context.Context
}

func (u untilDone) Read(b []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, u.ctx.Err()
	}
	return u.Reader.Read(b)
}

// dripping gives so many bytes a second of a JSON object with a long member.
type dripping struct {
	rate, left int
	text       *strings.Reader
}

func drip(rate, size int) io.Reader {
	return &dripping{rate, 0, strings.NewReader(`{"id":"1","pad":"` + strings.Repeat("x", size) + `"}`)}
}

func (d *dripping) Read(b []byte) (int, error) {
	if d.left == 0 {
		time.Sleep(time.Second) // of a bubble
		d.left = d.rate
	}
	n, err := d.text.Read(b[:min(len(b), d.left)])
	d.left -= n
	return n, err
}

func over(t *testing.T, rt http.RoundTripper, retry identkit.RetryPolicy) *Client {
	t.Helper()
	var check Check
	retry.MaxAttempts = 1
	c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&upload, &readThing, &writeThing}, Options: identkit.Options{
		HTTPClient: &http.Client{Transport: rt}, Retry: retry,
	}}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return c
}

func TestAnAttemptIsCutByTimeOrRate(t *testing.T) {
	t.Parallel()
	body := func(size int64) Body { return Seeker("application/octet-stream", &pattern{size: size}) }
	whole := func() io.Reader { return strings.NewReader(`{"id":"1"}`) }
	five := identkit.RetryPolicy{AttemptTimeout: 5 * time.Second}
	for name, c := range map[string]struct {
		trip   tripper
		body   Body
		retry  identkit.RetryPolicy
		detail string // "": success
		atMost time.Duration
	}{
		"a body that moves may take longer than the attempt's timeout": {takes(2000, time.Second, whole()), body(60_000), five, "", 40 * time.Second},
		"also one in memory":                           {takes(2000, time.Second, whole()), Bytes("application/json", make([]byte, 60_000)), five, "", 40 * time.Second},
		"the timeout begins behind the body":           {takes(2000, 6*time.Second, whole()), body(60_000), five, "attempt timed out", 40 * time.Second},
		"a body that is not taken":                     {takes(100, 0, whole()), body(60_000), identkit.RetryPolicy{}, "transfer is slower than the minimum rate", 10 * time.Second},
		"one in memory that is not taken":              {takes(100, 0, whole()), Bytes("application/json", make([]byte, 60_000)), identkit.RetryPolicy{}, "transfer is slower than the minimum rate", 10 * time.Second},
		"no minimum: the call's timeout":               {takes(100, 0, whole()), body(60_000), identkit.RetryPolicy{MinRate: -1}, "call timed out", 2 * time.Minute},
		"a lower minimum":                              {takes(100, 0, whole()), body(6_000), identkit.RetryPolicy{MinRate: 50}, "", 2 * time.Minute},
		"a response that moves":                        {takes(1, 0, drip(2000, 40_000)), Body{}, identkit.RetryPolicy{}, "", 30 * time.Second},
		"a response that moves, longer than allowed":   {takes(1, 0, drip(2000, 400_000)), Body{}, identkit.RetryPolicy{}, "attempt timed out", 31 * time.Second},
		"a response that trickles":                     {takes(1, 0, drip(1, 100)), Body{}, identkit.RetryPolicy{}, "transfer is slower than the minimum rate", 11 * time.Second},
		"one that begins to trickle":                   {takes(1, 0, io.MultiReader(drip(9_000, 90_000), drip(1, 100))), Body{}, identkit.RetryPolicy{AttemptTimeout: time.Hour}, "transfer is slower than the minimum rate", 90 * time.Second},
		"a slow header":                                {takes(1, 31*time.Second, whole()), Body{}, identkit.RetryPolicy{}, "attempt timed out", 30 * time.Second},
		"a short timeout holds for the response, too":  {takes(1, 0, drip(2000, 40_000)), Body{}, five, "attempt timed out", 6 * time.Second},
		"the call's timeout comes before the others":   {takes(1, time.Hour, whole()), Body{}, identkit.RetryPolicy{AttemptTimeout: time.Hour}, "call timed out", 2 * time.Minute},
		"a response that comes before the body's end":  {takesNothing, body(60_000), identkit.RetryPolicy{}, "", time.Second},
		"and then trickles":                            {trickleEarly, body(60_000), identkit.RetryPolicy{}, "transfer is slower than the minimum rate", 11 * time.Second},
		"of a rate that no integer holds a window of":  {takes(100, 0, whole()), body(60_000), identkit.RetryPolicy{MinRate: 1 << 62}, "transfer is slower than the minimum rate", 10 * time.Second},
		"a reader that blocks ends with the attempt":   {takes(1, 0, whole()), OneShot("text/plain", stuck{}, 10), five, "transfer is slower than the minimum rate", 10 * time.Second},
		"one that blocks at its first byte, unlimited": {takes(1, 0, whole()), Seeker("text/plain", stuck{}), identkit.RetryPolicy{MinRate: -1}, "call timed out", 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, start := over(t, c.trip, c.retry), time.Now()
				err := upload.Exec(t.Context(), client, uploadParams{c.body}, nil)
				assert.LessOrEqual(t, time.Since(start), c.atMost)
				time.Sleep(2 * time.Hour) // of the bubble: a reader that blocks is left behind until it returns
				if c.detail == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, identkit.ErrTimeout)
				var e *identkit.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, "h:443: "+c.detail, e.Detail)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
}

// takesNothing responds before it reads the body.
func takesNothing(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{}`)), ContentLength: 2}, nil
}

// trickleEarly does so while the body is being read.
func trickleEarly(r *http.Request) (*http.Response, error) {
	_, _ = io.ReadFull(r.Body, make([]byte, 100))
	bare := r.Clone(r.Context())
	bare.Body = nil
	return takes(1, 0, drip(1, 100))(bare)
}

// stuck is a reader that never returns within a call.
type stuck struct{}

func (stuck) Read([]byte) (int, error) {
	time.Sleep(time.Hour) // of a bubble
	return 0, errors.New("nothing came")
}

func (stuck) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 10, nil
	}
	return 0, nil
}

func TestALongErrorBodyDoesNotHoldTheCallUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := over(t, tripper(func(r *http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(strings.Repeat("x", maxErrorBody)), drip(2000, 500_000))
			return &http.Response{StatusCode: 404, Header: http.Header{}, Body: io.NopCloser(untilDone{body, r.Context()}), ContentLength: -1, ProtoMajor: 1}, nil
		}), identkit.RetryPolicy{})
		start := time.Now()
		_, err := readOne(t.Context(), client, "1")
		require.ErrorIs(t, err, identkit.ErrNotFound)
		assert.LessOrEqual(t, time.Since(start), 2*time.Second)
	})
}
