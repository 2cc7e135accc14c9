package transport

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var formFields = []Field{{"a", "1"}, {"b", "two\r\nlines"}}

func TestMultipartPutsFieldsFirstAndKnowsItsLength(t *testing.T) {
	t.Parallel()
	const file = "the file"
	for name, content := range map[string]Body{
		"reader at": ReaderAt("image/png", strings.NewReader(file), int64(len(file))),
		"seeker":    Seeker("image/png", strings.NewReader(file)),
		"one-shot":  OneShot("image/png", iotest.OneByteReader(strings.NewReader(file)), int64(len(file))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := Multipart(formFields, "image", `a "b".png`, content)
			require.NoError(t, b.err)
			r, err := b.open(t.Context())
			require.NoError(t, err)
			whole, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			assert.Len(t, whole, int(b.length))

			_, params, err := mime.ParseMediaType(b.contentType)
			require.NoError(t, err)
			form := multipart.NewReader(bytes.NewReader(whole), params["boundary"])
			for _, want := range []struct{ name, file, text string }{{"a", "", "1"}, {"b", "", "two\r\nlines"}, {"image", `a "b".png`, file}} {
				part, err := form.NextPart()
				require.NoError(t, err)
				assert.Equal(t, want.name, part.FormName())
				assert.Equal(t, want.file, part.FileName())
				text, err := io.ReadAll(part)
				require.NoError(t, err)
				assert.Equal(t, want.text, string(text))
				if want.file != "" {
					assert.Equal(t, "image/png", part.Header.Get("Content-Type"))
				}
			}
			_, err = form.NextPart()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestMultipartRefusesAFileOfAnotherLength(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size int64
		want error
	}{"shorter": {9, errShort}, "longer": {7, errLong}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Multipart(formFields, "image", "x", OneShot("", strings.NewReader("the file"), c.size)).open(t.Context())
			require.NoError(t, err)
			_, err = io.ReadAll(r)
			require.ErrorIs(t, err, c.want)
		})
	}
	broken := errors.New("disk")
	r, err := Multipart(nil, "image", "x", OneShot("", iotest.ErrReader(broken), 5)).open(t.Context())
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, broken)
	require.Error(t, Multipart(nil, "image", "x", Body{}).err)
}

func TestOnceIsReadOnceAndByTheLatestPass(t *testing.T) {
	t.Parallel()
	b := OneShot("", strings.NewReader("abc"), 3)
	first, err := b.open(t.Context())
	require.NoError(t, err)
	second, err := b.open(t.Context())
	require.NoError(t, err, "looking is not reading")
	_, err = first.Read(make([]byte, 1))
	require.ErrorIs(t, err, errStaleBody)
	whole, err := io.ReadAll(second)
	require.NoError(t, err)
	assert.Equal(t, "abc", string(whole))
	_, err = b.open(t.Context())
	require.ErrorIs(t, err, errSpent)
}

func FuzzMultipart(f *testing.F) {
	f.Add("value", []byte("content"))
	f.Add("\r\n--", []byte("--"))
	f.Fuzz(func(t *testing.T, value string, file []byte) { // names are the module's own
		b := Multipart([]Field{{"field", value}}, "image", "image.png", ReaderAt("image/png", bytes.NewReader(file), int64(len(file))))
		require.NoError(t, b.err)
		r, err := b.open(t.Context())
		require.NoError(t, err)
		whole, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Len(t, whole, int(b.length))
		_, params, err := mime.ParseMediaType(b.contentType)
		require.NoError(t, err)
		form := multipart.NewReader(bytes.NewReader(whole), params["boundary"])
		part, err := form.NextRawPart()
		require.NoError(t, err)
		text, err := io.ReadAll(part)
		require.NoError(t, err)
		require.Equal(t, value, string(text))
		part, err = form.NextRawPart()
		require.NoError(t, err)
		got, err := io.ReadAll(part)
		require.NoError(t, err)
		require.True(t, bytes.Equal(file, got))
		_, err = form.NextRawPart()
		require.ErrorIs(t, err, io.EOF)
	})
}
