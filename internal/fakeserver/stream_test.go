package fakeserver_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

// digest counts and hashes what is written to it.
type digest struct {
	hash.Hash
	size int64
}

func (d *digest) Write(b []byte) (int, error) {
	d.size += int64(len(b))
	return d.Hash.Write(b)
}

const filesLimit = 1 << 20

// newFiles is a fake that hashes files in JSON, and responds with their sizes or with a file.
func newFiles(size int64) *fakeserver.Server {
	s := fakeserver.New(fakeserver.Config{})
	s.Handle(createNote, func(c *fakeserver.Call) {
		value, err := c.Received()
		var in struct {
			Name string `json:"name"`
		}
		if problem := c.Decode(&in); err != nil || problem != nil {
			c.Empty(http.StatusBadRequest)
			return
		}
		sizes := map[string]any{"name": in.Name}
		for at, d := range value.(map[jsontext.Pointer]*digest) {
			sizes[string(at)] = d.size
		}
		c.JSON(http.StatusOK, sizes)
	})
	s.Receive("notes.Create", filesLimit, func(body io.Reader) ([]byte, any, error) {
		files := map[jsontext.Pointer]*digest{}
		text, err := fakeserver.SplitJSON(body, func(at jsontext.Pointer) io.Writer {
			if at.LastToken() == "name" {
				return nil
			}
			files[at] = &digest{Hash: sha256.New()}
			return files[at]
		})
		return text, files, err
	})
	s.Handle(getNote, func(c *fakeserver.Call) {
		file := io.LimitReader(strings.NewReader(strings.Repeat("0123456789", 10_000)), 100_000)
		c.File(http.StatusOK, "video/mp4", file, size)
	})
	return s
}

func TestARequestStreamsThroughItsRoute(t *testing.T) {
	t.Parallel()
	file := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\xff\xef"), 50_000))
	deliveries(t, func() *fakeserver.Server { return newFiles(-1) }, func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
		post := func(body string) response { return send(t, rt, http.MethodPost, s.URL()+"/notes", body) }
		body := `{"name":"a \"b\"", "image":"` + strings.ReplaceAll(file, "/", `\/`) + `","list":[{"x":1},{"file":"YWJj"}]}`
		got := post(body)
		assert.JSONEq(t, `{"name":"a \"b\"","/image":100000,"/list/1/file":3}`, got.body)
		e, _ := s.Journal().Last("notes.Create")
		sum := sha256.Sum256([]byte(body))
		assert.Equal(t, hex.EncodeToString(sum[:]), e.SHA256)
		assert.Equal(t, len(body), e.Size)
		assert.True(t, e.Truncated)
		assert.Equal(t, body[:16<<10], string(e.Body))
		assert.True(t, e.Processed)

		assert.JSONEq(t, `{"name":"b","/image":0}`, post(`{"image":"","name":"b"}`).body)
		e, _ = s.Journal().Last("notes.Create")
		assert.False(t, e.Truncated)
		assert.JSONEq(t, `{"image":"","name":"b"}`, string(e.Body))

		for _, invalid := range []string{`{"image":"YWJj`, `{"image":"YWJ"}`, `{"image":"Y\u0057Jj"}`, "{\"image\":\"YW\nJj\"}", `{"image":"!"}`, `}`, `]]`, `{"name":1}`, ``, `{"name":"a","name":"a"}`} {
			assert.Equal(t, 400, post(invalid).status, invalid)
		}
		assert.Equal(t, 413, post(`{"image":"`+strings.Repeat("A", filesLimit)+`"}`).status)
		assert.Equal(t, 400, post(`{"name":"`+strings.Repeat("A", filesLimit-20)+`"`).status)

		s.Fault(identkittest.On("notes.Create").When(func(r *http.Request) bool {
			start, err := io.ReadAll(r.Body)
			return err == nil && len(start) == 16<<10 && bytes.Contains(start, []byte("poison"))
		}).Status(503))
		assert.Equal(t, 503, post(`{"name":"poison","image":"`+file+`"}`).status, "rules see the beginning")
		e, _ = s.Journal().Last("notes.Create")
		assert.False(t, e.Processed)
		assert.Equal(t, len(file)+len(`{"name":"poison","image":""}`), e.Size)
		assert.JSONEq(t, `{"name":"","/image":100000}`, post(`{"name":"","image":"`+file+`"}`).body, "and leave it whole")
	})
}

func TestAStreamedRequestThatBreaksOffIsNotHandled(t *testing.T) {
	t.Parallel()
	s := newFiles(-1)
	broken := errors.New("disk")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/notes", io.MultiReader(strings.NewReader(`{"image":"YWJj`), iotest.ErrReader(broken)))
	require.NoError(t, err)
	resp, err := s.Transport().RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	require.ErrorIs(t, err, broken)
	e, _ := s.Journal().Last("notes.Create")
	assert.Equal(t, "the body was not received", e.Problem)
	assert.Equal(t, `{"image":"YWJj`, string(e.Body))
	assert.False(t, e.Processed)
	assert.Panics(t, func() { s.Receive("notes.Nothing", 1, nil) })
}

func TestFaultsHoldForStreams(t *testing.T) {
	t.Parallel()
	const whole = 100_000
	any := identkittest.Any()
	for name, test := range map[string]struct {
		rule     identkittest.Rule
		size     int64 // announced: -1
		length   int   // of what comes, at most
		contains string
		err      error
	}{
		"none":                        {any.Header("X-A", "b"), whole, whole, "789", nil},
		"none, unknown size":          {any.Header("X-A", "b"), -1, whole, "789", nil},
		"short file":                  {any.Header("X-A", "b"), whole + 1, whole, "", io.ErrUnexpectedEOF},
		"slow":                        {any.SlowBody(50_000, time.Millisecond), whole, whole, "789", nil},
		"truncated":                   {any.Truncate(70_000), whole, 70_000, "", io.ErrUnexpectedEOF},
		"truncated, unknown size":     {any.Truncate(70_000), -1, 70_000, "", io.ErrUnexpectedEOF},
		"half":                        {any.TruncateHalf(), whole, 50_000, "", io.ErrUnexpectedEOF},
		"half, unknown size":          {any.TruncateHalf(), -1, 32 << 10, "", io.ErrUnexpectedEOF},
		"reset in body":               {any.ResetInBody(), whole, 50_000, "", syscall.ECONNRESET},
		"reset in body, unknown size": {any.ResetInBody(), -1, 32 << 10, "", syscall.ECONNRESET},
		"reset after headers":         {any.ResetAfterHeaders(), whole, 0, "", syscall.ECONNRESET},
		"HTML":                        {any.HTML(200), whole, 200, "<html>", nil},
		"padded":                      {any.Pad(3), whole, whole + 3, "   0123", nil},
		"padded, unknown size":        {any.Pad(3), -1, whole + 3, "   0123", nil},
		"gzip":                        {any.Gzip(), whole, whole, "789", nil},
		"gzip, truncated":             {any.GzipTruncated(), whole, whole, "", io.ErrUnexpectedEOF},
		"empty":                       {any.Empty(), whole, 0, "", nil},
		"sent with its copy":          {any.DuplicateBody(), whole, 2 * whole, "789", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliveries(t, func() *fakeserver.Server { return newFiles(test.size) }, func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
				s.Fault(test.rule)
				got := send(t, rt, http.MethodGet, s.URL()+"/notes/1", "")
				require.NoError(t, got.err)
				if test.err != nil {
					require.ErrorIs(t, got.bodyErr, test.err)
					assert.LessOrEqual(t, len(got.body), test.length)
					return
				}
				require.NoError(t, got.bodyErr)
				assert.Contains(t, got.body, test.contains)
				if test.length != 200 {
					assert.Len(t, got.body, test.length)
				}
				if test.size < 0 && name != "HTML" {
					assert.Empty(t, got.header.Get("Content-Length"))
				}
			})
		})
	}
}

func TestAStreamIsPacedOnTheTimeOfTheBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, start := newFiles(100_000), time.Now()
		s.Fault(identkittest.Any().SlowBody(10_000, time.Second))
		got := send(t, s.Transport(), http.MethodGet, s.URL()+"/notes/1", "")
		require.NoError(t, got.bodyErr)
		assert.Len(t, got.body, 100_000)
		assert.Equal(t, 9*time.Second, time.Since(start))
	})
}
