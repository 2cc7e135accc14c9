package transport

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/wire"
)

func TestSeekerStreamsFromItsPositionAndRewinds(t *testing.T) {
	t.Parallel()
	r := strings.NewReader("skip|body")
	_, err := r.Seek(5, io.SeekStart)
	require.NoError(t, err)
	b := Seeker("text/plain", r)
	require.NoError(t, b.err)
	assert.EqualValues(t, 4, b.length)
	for range 2 {
		rc, err := b.open(t.Context())
		require.NoError(t, err)
		got, err := io.ReadAll(rc)
		require.NoError(t, err)
		assert.Equal(t, "body", string(got))
	}
}

func TestAnOverAttemptCannotReadTheNextOnesBody(t *testing.T) {
	t.Parallel()
	b := Seeker("text/plain", strings.NewReader("body"))
	first, err := b.open(t.Context())
	require.NoError(t, err)
	second, err := b.open(t.Context())
	require.NoError(t, err)
	_, err = first.Read(make([]byte, 2))
	require.ErrorIs(t, err, errStaleBody)
	require.NoError(t, first.Close(), "closing it leaves the next one alone")
	got, err := io.ReadAll(second)
	require.NoError(t, err)
	assert.Equal(t, "body", string(got))
	require.NoError(t, second.Close())
	_, err = second.Read(make([]byte, 1))
	require.Error(t, err)
}

type noSeek struct{ io.Reader }

func (noSeek) Seek(int64, int) (int64, error) { return 0, errors.New("cannot seek") }

func TestSeekerThatCannotSeekIsReportedBeforeSending(t *testing.T) {
	t.Parallel()
	assert.Error(t, Seeker("text/plain", noSeek{strings.NewReader("x")}).err)
}

func TestReadCapped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	for _, announced := range []int64{-1, 5000, 10, 0} {
		b, err := readCapped(iotest.OneByteReader(strings.NewReader(long)), announced, 5000)
		require.NoError(t, err)
		assert.Len(t, b, 5000, "announced %d", announced)
		_, err = readCapped(strings.NewReader(long), announced, 4999)
		require.ErrorIs(t, err, errTooLarge, "announced %d", announced)
	}
	b, err := readCapped(strings.NewReader("x"), 1<<40, 1<<41)
	require.NoError(t, err)
	assert.LessOrEqual(t, cap(b), trustedUpTo, "an announced length is believed only so far")
	_, err = readCapped(strings.NewReader("x"), 6, 5)
	require.ErrorIs(t, err, errTooLarge, "not even read")
	_, err = readCapped(iotest.TimeoutReader(strings.NewReader(long)), -1, 1<<20)
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{`{}`, `null`, ``, `{}{}`, `[{}]`, `<html>`, `{"a":1}`, "\xef\xbb\xbf{}", `{"a":`, `{"a":true,"a":true}`, `{"a":"true"}`} {
		f.Add([]byte(s))
	}
	codec := wire.NewCodec(nil, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		var v struct {
			A bool `json:"a"`
		}
		s := spec{verdicts: []string{"a"}}
		err := s.decode(codec, b, &v, false)
		if verdict := string(wire.Member(b, "a")); err == nil && verdict != strconv.FormatBool(v.A) {
			t.Fatalf("%q was decoded as %v", b, v)
		}
		if err != nil && describeResponse(err) == "" {
			t.Fatalf("%q has no explanation", b)
		}
	})
}
