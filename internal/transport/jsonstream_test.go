package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

type filesBody struct {
	Name   string            `json:"name"`
	Key    identkit.Secret   `json:"key,omitzero"`
	Front  Base64            `json:"front,omitempty"`
	Back   Base64            `json:"back,omitzero"`
	Pages  []Base64          `json:"pages,omitempty"`
	ByKind map[string]Base64 `json:"byKind,omitempty"`
	Any    any               `json:"any,omitzero"`
}

func text(s string) Base64 { return Base64{ReaderAt("", strings.NewReader(s), int64(len(s)))} }

// plainJSON is v as encoding/json writes it with whole files.
func plainJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func readBody(t *testing.T, b Body) string {
	t.Helper()
	require.NoError(t, b.err)
	r, err := b.reader(t.Context())
	require.NoError(t, err)
	whole, err := io.ReadAll(iotest.OneByteReader(r))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	assert.EqualValues(t, b.length, len(whole))
	return string(whole)
}

func TestFilesInJSONAreEncodedWhileTheyAreSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want any }{
		"members": {
			filesBody{Name: `a"b`, Front: text("front"), Back: text("b")},
			map[string]any{"name": `a"b`, "front": []byte("front"), "back": []byte("b")},
		},
		"an empty file, which omitempty leaves in": {filesBody{Front: text("")}, map[string]any{"name": "", "front": ""}},
		"arrays and maps": {
			filesBody{Front: text("1"), Pages: []Base64{text("22"), text("333")}, ByKind: map[string]Base64{"z": text("4444"), "a": text("55555")}},
			map[string]any{"name": "", "front": []byte("1"), "pages": [][]byte{[]byte("22"), []byte("333")}, "byKind": map[string][]byte{"a": []byte("55555"), "z": []byte("4444")}},
		},
		"values of any type":       {filesBody{Front: text("1"), Any: []any{text("2"), &Base64{text("3").Body}, "="}}, map[string]any{"name": "", "front": []byte("1"), "any": []any{[]byte("2"), []byte("3"), "="}}},
		"secrets":                  {filesBody{Key: "s3cret", Front: text("1")}, map[string]any{"name": "", "key": "s3cret", "front": []byte("1")}},
		"an array":                 {[]Base64{text("1"), text("2")}, [][]byte{[]byte("1"), []byte("2")}},
		"a file in memory":         {map[string]Base64{"a": {Bytes("", []byte("memory"))}}, map[string][]byte{"a": []byte("memory")}},
		"a seeker and a one-shot":  {[]Base64{{Seeker("", strings.NewReader("seek"))}, {OneShot("", strings.NewReader("once"), 4)}}, [][]byte{[]byte("seek"), []byte("once")}},
		"larger than every buffer": {map[string]Base64{"a": text(strings.Repeat("0123456789", 10_001))}, map[string][]byte{"a": []byte(strings.Repeat("0123456789", 10_001))}},
		"no file":                  {map[string]int{"a": 1}, map[string]int{"a": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.JSONEq(t, plainJSON(t, c.want), readBody(t, streamedJSON(testCodec, c.in)))
		})
	}
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte{}, 1)
	f.Add([]byte("\xff\xfe\xfd\xfc"), 7)
	f.Fuzz(func(t *testing.T, file []byte, size int) {
		r := &encoding{src: &chunked{file, max(1, size)}}
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, base64.StdEncoding.EncodeToString(file), string(got))
	})
}

// chunked reads a few bytes at a time.
type chunked struct {
	rest []byte
	size int
}

func (c *chunked) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.size)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func TestAFileOfAnotherLengthNeverCompletesItsJSON(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	content := func(size int64, end error) func() Body {
		return func() Body {
			return OneShot("", io.MultiReader(strings.NewReader("12345678"), iotest.ErrReader(end)), size)
		}
	}
	for name, c := range map[string]struct {
		content func() Body
		want    error
	}{
		"shorter":                           {content(9, io.EOF), errShort},
		"longer":                            {content(6, io.EOF), errLong},
		"longer by what padding would hide": {content(7, io.EOF), errLong},
		"failing":                           {content(9, broken), broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := streamedJSON(testCodec, filesBody{Front: Base64{c.content()}, Back: text("back")})
			r, err := b.open(t.Context())
			require.NoError(t, err)
			sent, err := io.ReadAll(r)
			require.ErrorIs(t, err, c.want)
			assert.False(t, json.Valid(sent))
			assert.Less(t, int64(len(sent)), b.length)

			client := over(t, stub(200, `{}`), identkit.RetryPolicy{})
			client.transport = tripper(func(r *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, r.Body)
				return nil, err
			})
			err = upload.Exec(t.Context(), client, uploadParams{streamedJSON(testCodec, filesBody{Front: Base64{c.content().Named("photo")}})}, nil)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
			require.ErrorContains(t, err, "photo ")
		})
	}
}

func TestJSONWithFilesIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	masked := identkit.Secret(identkit.Secret("x").String())
	for name, c := range map[string]struct {
		in   any
		want error
	}{
		"a masked secret":              {filesBody{Key: masked, Front: text("a")}, identkit.ErrMasked},
		"a mask in a text":             {filesBody{Name: masked.Reveal(), Front: text("a")}, identkit.ErrMasked},
		"a mask in a value of any":     {filesBody{Any: map[string]any{"k": masked}, Front: text("a")}, identkit.ErrMasked},
		"a member without a file":      {filesBody{Front: Base64{}}, nil},
		"a file that cannot seek":      {filesBody{Front: Base64{Seeker("", noSeek{strings.NewReader("x")})}}, nil},
		"what cannot be JSON":          {map[string]any{"a": text("a"), "b": make(chan int)}, nil},
		"a type that writes JSON, too": {wrapper{text("a")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := streamedJSON(testCodec, c.in)
			require.Error(t, b.err)
			assert.False(t, b.IsZero())
			if c.want != nil {
				require.ErrorIs(t, b.err, c.want)
			}
			err := upload.Exec(t.Context(), over(t, stub(200, `{}`), identkit.RetryPolicy{}), uploadParams{b}, nil)
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		})
	}
	require.Error(t, jsonBody(testCodec, filesBody{Front: text("a")}).err, "only JSONStream writes files")
}

type wrapper struct{ file Base64 }

func (w wrapper) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]any{"file": w.file}) }

func TestFieldsStandInFrontOfFiles(t *testing.T) {
	t.Parallel()
	b := streamedJSON(testCodec, filesBody{Name: "n", Front: text("front"), Back: text("back")})
	with := b.WithFields(Field{"apiKey", `k"`}, Field{"apiSecret", "s"})
	assert.Equal(t, `{"apiKey":"k\"","apiSecret":"s","name":"n","front":"ZnJvbnQ=","back":"YmFjaw=="}`, readBody(t, with))
	assert.Equal(t, `{"name":"n","front":"ZnJvbnQ=","back":"YmFjaw=="}`, readBody(t, b), "the original stays")
	require.ErrorIs(t, b.WithFields(Field{"front", "x"}).err, errFieldUsed)
	require.ErrorIs(t, with.WithFields(Field{"apiKey", "x"}).err, errFieldUsed)
	require.ErrorIs(t, streamedJSON(testCodec, []Base64{text("a")}).WithFields(Field{"a", "b"}).err, errNoFields)

	var got string
	client := over(t, tripper(func(r *http.Request) (*http.Response, error) {
		sent, err := io.ReadAll(r.Body)
		got = string(sent)
		assert.EqualValues(t, len(sent), r.ContentLength)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		r.Body = nil
		resp, _ := stub(200, `{}`)(r)
		return resp, err
	}), identkit.RetryPolicy{})
	client.auth = fieldAuth{}
	body := func() uploadParams {
		return uploadParams{streamedJSON(testCodec, filesBody{Front: Base64{OneShot("", strings.NewReader("once"), 4)}})}
	}
	require.NoError(t, upload.Exec(t.Context(), client, body(), []identkit.CallOption{identkit.WithBodyField("z", 1), identkit.WithBodyField("b", map[string]any{"c": identkit.Secret("shown")})}))
	assert.JSONEq(t, `{"id":"key","b":{"c":"shown"},"z":1,"name":"","front":"b25jZQ=="}`, got)
	assert.True(t, strings.HasPrefix(got, `{"id"`))
	for _, o := range []identkit.CallOption{
		identkit.WithBodyField("front", "x"), identkit.WithBodyField("x", identkit.Secret(identkit.Secret("x").String())), identkit.WithBodyField("x", make(chan int)),
	} {
		got = ""
		require.ErrorIs(t, upload.Exec(t.Context(), client, body(), []identkit.CallOption{o}), identkit.ErrInvalidRequest)
		assert.Empty(t, got)
	}
}

func TestJSONWithFilesIsSentAgainIfItsFilesCanBe(t *testing.T) {
	t.Parallel()
	send := func(content Body) ([]string, error) {
		var sent []string
		client := over(t, tripper(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			sent = append(sent, string(b))
			r.Body = nil
			return stub(map[bool]int{true: 503, false: 200}[len(sent) == 1], `{}`)(r)
		}), identkit.RetryPolicy{})
		client.retry.MaxAttempts = 3
		err := upload.Exec(t.Context(), client, uploadParams{streamedJSON(testCodec, filesBody{Front: text("a"), Back: Base64{content}})}, nil)
		return sent, err
	}
	const whole = `{"name":"","front":"YQ==","back":"YmFjaw=="}`
	sent, err := send(Seeker("", strings.NewReader("back")))
	require.NoError(t, err)
	assert.Equal(t, []string{whole, whole}, sent)
	sent, err = send(OneShot("", strings.NewReader("back"), 4))
	require.ErrorIs(t, err, identkit.ErrUnavailable)
	assert.Equal(t, []string{whole}, sent)
}

func TestFilesOfMemoryNeedNoGoroutine(t *testing.T) {
	t.Parallel()
	local := streamedJSON(testCodec, filesBody{Front: text("a"), Back: Base64{Bytes("", []byte("b"))}})
	assert.True(t, local.local)
	foreign := streamedJSON(testCodec, filesBody{Front: text("a"), Back: Base64{OneShot("", iotest.OneByteReader(bytes.NewReader([]byte("b"))), 1)}})
	assert.False(t, foreign.local)
}
