package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestSizedHandsTheEndOnOnlyBeforeTheEnd(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	for name, c := range map[string]struct {
		src  io.Reader
		size int64
		want error
		got  string
	}{
		"as long as said":        {strings.NewReader("abcdef"), 6, nil, "abcdef"},
		"end with the last byte": {iotest.DataErrReader(strings.NewReader("abcdef")), 6, nil, "abcdef"},
		"empty":                  {strings.NewReader(""), 0, nil, ""},
		"shorter":                {strings.NewReader("abcdef"), 7, errShort, "abcdef"},
		"longer":                 {strings.NewReader("abcdef"), 5, errLong, ""},
		"longer, byte by byte":   {iotest.OneByteReader(strings.NewReader("abcdef")), 5, errLong, "abcd"},
		"not empty":              {strings.NewReader("a"), 0, errLong, ""},
		"fails at its end":       {io.MultiReader(strings.NewReader("abcdef"), iotest.ErrReader(broken)), 6, broken, ""},
		"fails before":           {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 6, broken, "abc"},
		"fails with bytes":       {iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abc"))), 3, iotest.ErrTimeout, "a"},
		"goes nowhere":           {io.MultiReader(strings.NewReader("abc"), idle{}), 3, io.ErrNoProgress, ""},
	} {
		got, err := io.ReadAll(&sized{ReadCloser: io.NopCloser(c.src), left: c.size})
		require.ErrorIs(t, err, c.want, name)
		assert.Equal(t, c.got, string(got), name)
	}
}

// idle gives neither bytes nor an end.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// growing is a file of another size than it has when it is asked.
type growing struct {
	*bytes.Reader
	claimed int64
}

func (g *growing) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return g.claimed, nil
	}
	return g.Reader.Seek(offset, whence)
}

func TestALocalFaultOfABodyIsTheCallersAlone(t *testing.T) {
	t.Parallel()
	var whole atomic.Int32 // bodies that a server could take for complete
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			whole.Add(1)
		}
		_, _ = io.WriteString(w, `{}`)
	})
	broken := errors.New("disk")
	const size = 200_000
	file := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	cut := func() io.Reader { return io.MultiReader(bytes.NewReader(file(size/2)), iotest.ErrReader(broken)) }
	once := Op[uploadParams, None]{Name: "test.Once", Method: http.MethodPost, Path: "/upload", Request: func(in *uploadParams, r *Request) { r.Body = in.body }}
	for name, c := range map[string]struct {
		body   func() Body
		reason string
		cause  error
	}{
		"one-shot, shorter":   {func() Body { return OneShot("a/b", bytes.NewReader(file(size-1)), size) }, "ended before its size", errShort},
		"one-shot, longer":    {func() Body { return OneShot("a/b", bytes.NewReader(file(size+1)), size) }, "goes on behind its size", errLong},
		"one-shot, not empty": {func() Body { return OneShot("a/b", bytes.NewReader(file(1)), 0) }, "goes on behind its size", errLong},
		"one-shot, fails":     {func() Body { return OneShot("a/b", cut(), size) }, "cannot be read", broken},
		"one-shot, negative":  {func() Body { return OneShot("a/b", cut(), -1) }, "has a negative size", nil},
		"reader at, shorter":  {func() Body { return ReaderAt("a/b", bytes.NewReader(file(size-1)), size) }, "ended before its size", errShort},
		"reader at, longer":   {func() Body { return ReaderAt("a/b", bytes.NewReader(file(size+1)), size) }, "goes on behind its size", errLong},
		"reader at, negative": {func() Body { return ReaderAt("a/b", bytes.NewReader(nil), -1) }, "has a negative size", nil},
		"seeker, shrank":      {func() Body { return Seeker("a/b", &growing{bytes.NewReader(file(size)), size + 1}) }, "ended before its size", errShort},
		"seeker, grew":        {func() Body { return Seeker("a/b", &growing{bytes.NewReader(file(size)), size - 1}) }, "goes on behind its size", errLong},
		"seeker, cannot seek": {func() Body { return Seeker("a/b", noSeek{strings.NewReader("x")}) }, "cannot be read", nil},
	} {
		for kind, wrap := range map[string]func(Body) Body{
			"alone":        func(b Body) Body { return b.Named("photo") },
			"in multipart": func(b Body) Body { return Multipart(formFields, "image", "x", b.Named("photo")) },
		} {
			for _, http2 := range []bool{false, true} {
				t.Run(name+", "+kind, func(t *testing.T) {
					t.Parallel()
					srv := httptest.NewUnstartedServer(handler)
					srv.EnableHTTP2 = http2
					srv.StartTLS()
					t.Cleanup(srv.Close)
					var check Check
					client := New(Config{Provider: "test", BaseURL: srv.URL, Options: identkit.Options{HTTPClient: srv.Client()}}, &check)
					for _, op := range []*Op[uploadParams, None]{&upload, &once} {
						err := op.Exec(t.Context(), client, uploadParams{wrap(c.body())}, nil)
						require.ErrorIs(t, err, identkit.ErrInvalidRequest)
						require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
						if c.cause != nil {
							require.ErrorIs(t, err, c.cause)
						}
						var e *identkit.Error
						require.ErrorAs(t, err, &e)
						assert.Equal(t, []identkit.FieldError{{Field: "photo", Reason: c.reason}}, e.Fields)
						assert.Zero(t, e.Status)
						assert.LessOrEqual(t, len(e.Attempts), 1, "not sent again")
					}
					assert.Zero(t, whole.Load())
				})
			}
		}
	}
}

func TestABodyThatAuthenticationChangesKeepsItsName(t *testing.T) {
	t.Parallel()
	body := Multipart(nil, "image", "x", OneShot("a/b", strings.NewReader("long"), 3).Named("photo")).WithFields(Field{"key", "k"})
	assert.Equal(t, "photo", body.name())
	assert.Equal(t, "Body", Bytes("a/b", nil).name())
}
