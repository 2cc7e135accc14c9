package iproov_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestPhotoEnrolThenVerify(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()
	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	photo := jpeg(300_000)
	in := iproov.EnrolImageParams{Token: claim.Token, UserID: alice, Source: iproov.SourceEID, Image: bytes.NewReader(photo)}
	done, err := client.Enrol.Image(ctx, in)
	require.NoError(t, err)
	assert.Equal(t, alice, done.UserID)
	assert.Equal(t, claim.Token, done.Token)
	assert.NotEmpty(t, done.RawJSON())

	entry, _ := srv.Journal().Last("iproov.Enrol.Image")
	_, params, err := mime.ParseMediaType(entry.Header.Get("Content-Type"))
	require.NoError(t, err)
	form := multipart.NewReader(bytes.NewReader(entry.Body), params["boundary"])
	key, secret := srv.Keys()
	for _, want := range [][2]string{
		{"api_key", key.Reveal()}, {"secret", secret.Reveal()}, {"rotation", "0"}, {"token", string(claim.Token)}, {"source", "eid"}, {"image", string(photo)},
	} {
		part, err := form.NextPart()
		require.NoError(t, err)
		content, err := io.ReadAll(part)
		require.NoError(t, err)
		require.Equal(t, want[0], part.FormName())
		require.True(t, want[1] == string(content), want[0])
		if want[0] == "image" {
			assert.Equal(t, "image.jpg", part.FileName())
			assert.Equal(t, "image/jpeg", part.Header.Get("Content-Type"))
		}
	}

	in.Image = bytes.NewReader(photo)
	_, err = client.Enrol.Image(ctx, in)
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken) // one photo a token
	_, err = client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: iproov.ValidateParams{Token: claim.Token, UserID: alice, Client: userAgent}})
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)
	claim, err = client.Verify.CreateToken(ctx, tokenIn)
	v, err := client.Verify.Validate(ctx, scanned(t, srv, claim, err, iproovtest.Pass()))
	require.NoError(t, err)
	assert.True(t, v.Passed)
}

// onlyReader hides everything but Read.
type onlyReader struct{ io.Reader }

// onlySeeker hides ReadAt and Len.
type onlySeeker struct{ io.ReadSeeker }

func TestPhotosComeFromAnyReader(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "photo.bin")
	require.NoError(t, os.WriteFile(file, append([]byte("skip"), jpeg(5000)...), 0o600))
	opened, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = opened.Close() }()
	_, err = opened.Seek(4, io.SeekStart)
	require.NoError(t, err)
	pipe, pipeIn := io.Pipe()
	go func() { _, _ = pipeIn.Write(jpeg(5000)); _ = pipeIn.Close() }()
	for name, c := range map[string]struct {
		image io.Reader
		size  int64
	}{
		"bytes.Reader":                  {bytes.NewReader(jpeg(5000)), 0},
		"bytes.Buffer":                  {bytes.NewBuffer(jpeg(5000)), 0},
		"a seeker":                      {onlySeeker{bytes.NewReader(jpeg(5000))}, 0},
		"a seeker with its size":        {onlySeeker{bytes.NewReader(jpeg(5000))}, 5000},
		"a file, from where it stands":  {opened, 0},
		"a reader with a size":          {onlyReader{bytes.NewReader(jpeg(5000))}, 5000},
		"a slow reader with a size":     {iotest.OneByteReader(bytes.NewReader(jpeg(5000))), 5000},
		"a pipe with a size":            {pipe, 5000},
		"a data-and-error reader":       {iotest.DataErrReader(bytes.NewReader(jpeg(5000))), 5000},
		"a PNG":                         {bytes.NewReader([]byte("\x89PNG\r\n\x1a\n....")), 0},
		"a JP2":                         {bytes.NewReader([]byte("\x00\x00\x00\x0cjP  \r\n\x87\n....")), 0},
		"one with exactly two mebibyte": {bytes.NewReader(jpeg(2 << 20)), 0},
	} {
		srv := iproovtest.New(iproovtest.Options{})
		claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
		require.NoError(t, err)
		_, err = srv.Client().Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceSelfie, Image: c.image, Size: c.size})
		require.NoError(t, err, name)
		assert.Equal(t, iproov.UserActive, srv.UserStatus(alice), name)
	}
}

func TestBadPhotosAreNotSent(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	good := func() io.Reader { return bytes.NewReader(jpeg(100)) }
	exe := append([]byte("MZ\x90\x00"), make([]byte, 100)...)
	named := filepath.Join(t.TempDir(), "photo.jpg")
	require.NoError(t, os.WriteFile(named, exe, 0o600))
	disguised, err := os.Open(named)
	require.NoError(t, err)
	defer func() { _ = disguised.Close() }()
	for name, c := range map[string]struct {
		in     iproov.EnrolImageParams
		reason string
	}{
		"3 MB":                            {iproov.EnrolImageParams{Image: bytes.NewReader(jpeg(3_000_000))}, "image is larger than 2097152 bytes"},
		"3 MB of a reader":                {iproov.EnrolImageParams{Image: onlyReader{bytes.NewReader(jpeg(3_000_000))}, Size: 3_000_000}, "image is larger than 2097152 bytes"},
		"an EXE named .jpg":               {iproov.EnrolImageParams{Image: disguised}, "image is not a PNG, JPEG or JP2 file"},
		"a GIF":                           {iproov.EnrolImageParams{Image: bytes.NewReader([]byte("GIF89a.............."))}, "image is not a PNG, JPEG or JP2 file"},
		"two bytes":                       {iproov.EnrolImageParams{Image: bytes.NewReader([]byte("\xff\xd8"))}, "image is not a PNG, JPEG or JP2 file"},
		"nothing":                         {iproov.EnrolImageParams{}, "image is missing"},
		"a pointer to nothing":            {iproov.EnrolImageParams{Image: (*bytes.Reader)(nil)}, "image is missing"},
		"a file that was not opened":      {iproov.EnrolImageParams{Image: (*os.File)(nil), Size: 100}, "image is missing"},
		"empty":                           {iproov.EnrolImageParams{Image: bytes.NewReader(nil)}, "image is empty"},
		"empty buffer":                    {iproov.EnrolImageParams{Image: new(bytes.Buffer)}, "image is empty"},
		"a reader of unknown size":        {iproov.EnrolImageParams{Image: onlyReader{good()}}, "image is of unknown size; give Size"},
		"a negative size":                 {iproov.EnrolImageParams{Image: good(), Size: -1}, "image has a negative Size"},
		"another size":                    {iproov.EnrolImageParams{Image: good(), Size: 99}, "image has another number of bytes than Size"},
		"a reader that fails at once":     {iproov.EnrolImageParams{Image: iotest.ErrReader(errors.New("x")), Size: 50}, "image cannot be read, or is shorter than Size"},
		"a reader shorter than its start": {iproov.EnrolImageParams{Image: onlyReader{bytes.NewReader([]byte("\xff\xd8\xff"))}, Size: 50}, "image cannot be read, or is shorter than Size"},
		"no token":                        {iproov.EnrolImageParams{Image: good(), Token: "-"}, "token is empty"},
		"no source":                       {iproov.EnrolImageParams{Image: good(), Source: "-"}, "source is not eid, oid or selfie"},
		"a source in upper case":          {iproov.EnrolImageParams{Image: good(), Source: "EID"}, "source is not eid, oid or selfie"},
		"a bad user":                      {iproov.EnrolImageParams{Image: good(), UserID: "a/b"}, "user_id has characters other"},
	} {
		switch c.in.Token {
		case "":
			c.in.Token = "t"
		case "-":
			c.in.Token = ""
		}
		switch c.in.Source {
		case "":
			c.in.Source = iproov.SourceOID
		case "-":
			c.in.Source = ""
		}
		_, err := srv.Client().Enrol.Image(t.Context(), c.in)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
		require.ErrorContains(t, err, c.reason, name)
	}
	assert.Zero(t, srv.Journal().Len())
	_, err = srv.Client(func(cfg *iproov.Config) { cfg.MaxImageBytes = 99 }).Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: "t", Source: iproov.SourceEID, Image: good()})
	require.ErrorContains(t, err, "larger than 99 bytes")
}

func TestAReaderThatFailsHalfWayEnrolsNobody(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk gone")
	for name, c := range map[string]struct {
		image io.Reader
		want  error
		text  string
	}{
		"fails":      {io.MultiReader(bytes.NewReader(jpeg(500_000)), iotest.ErrReader(broken)), broken, "image cannot be read"},
		"ends early": {onlyReader{bytes.NewReader(jpeg(500_000))}, nil, "image ended before its size"},
		"goes on":    {onlyReader{bytes.NewReader(jpeg(1_500_000))}, nil, "image goes on behind its size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.NewServer(t)
			claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
			require.NoError(t, err)
			_, err = srv.Client().Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: c.image, Size: 1_000_000})
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
			require.ErrorContains(t, err, c.text)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			assert.Empty(t, srv.UserStatus(alice))
			assert.LessOrEqual(t, srv.Journal().Count("iproov.Enrol.Image"), 1)
		})
	}
}

func TestOnlySuccessIsAnEnrolment(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{RefusePhotos: true})
	client := srv.Client()
	in := func(token iproov.ClaimToken) iproov.EnrolImageParams {
		return iproov.EnrolImageParams{Token: token, UserID: alice, Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(100))}
	}
	claim, err := client.Enrol.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	done, err := client.Enrol.Image(t.Context(), in(claim.Token))
	require.Nil(t, done)
	e := fails(t, err, identkit.ErrRejected, "")
	assert.False(t, e.OutcomeUnknown, "it is known: no")
	assert.Equal(t, 200, e.Status)
	assert.Contains(t, string(e.Body()), "success")

	for body, kind := range map[string]identkit.Kind{
		`{"success":true,"token":"t","user_id":"` + string(alice) + `"}`: "",
		`{"success":true,"token":"t"}`:                                   "",
		`{"success":false}`:                                              identkit.ErrRejected,
		`{"success":"true","token":"t"}`:                                 identkit.ErrBadResponse,
		`{"success":null,"token":"t"}`:                                   identkit.ErrBadResponse,
		`{"token":"t"}`:                                                  identkit.ErrBadResponse,
		`{"success":true}`:                                               identkit.ErrBadResponse,
		`{"success":true,"token":"another"}`:                             identkit.ErrBadResponse,
		`{"success":true,"token":"t","user_id":"another"}`:               identkit.ErrBadResponse,
		`{}`: identkit.ErrBadResponse,
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
		_, err := client.Enrol.Image(t.Context(), in("t"))
		if kind == "" {
			require.NoError(t, err, body)
		} else {
			require.ErrorIs(t, err, kind, body)
		}
	}
}

func TestAPhotoIsNotSentAgainAfterALostResponse(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()
	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	srv.Fault(identkittest.On("iproov.Enrol.Image").LoseResponse())
	_, err = client.Enrol.Image(ctx, iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(100))})
	require.True(t, unknown(err))
	require.ErrorContains(t, err, "ask for a verification token")
	assert.Equal(t, 1, srv.Journal().Count("iproov.Enrol.Image"))
	_, err = client.Verify.CreateToken(ctx, tokenIn)
	require.NoError(t, err, "it was enrolled")
}

func TestARefusedPhotoIsSentAgainFromItsBeginning(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client, ctx := srv.Client(), t.Context()
	for name, image := range map[string]io.Reader{"reader at": bytes.NewReader(jpeg(9000)), "seeker": onlySeeker{bytes.NewReader(jpeg(9000))}} {
		in := tokenIn
		in.UserID = iproov.UserID(name[:6])
		claim, err := client.Enrol.CreateToken(ctx, in)
		require.NoError(t, err)
		srv.ClearFaults()
		srv.Fault(identkittest.On("iproov.Enrol.Image").Nth(1).RetryAfter(429, "0"))
		_, err = client.Enrol.Image(ctx, iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: image})
		require.NoError(t, err, name)
	}
	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	srv.ClearFaults()
	srv.Fault(identkittest.On("iproov.Enrol.Image").Status(429))
	before := srv.Journal().Count("iproov.Enrol.Image")
	_, err = client.Enrol.Image(ctx, iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: onlyReader{bytes.NewReader(jpeg(9000))}, Size: 9000})
	fails(t, err, identkit.ErrRateLimited, "")
	assert.Equal(t, 1, srv.Journal().Count("iproov.Enrol.Image")-before, "a reader that cannot go back serves one attempt")
}

// photos are the same photo in readers of every kind.
func photos(size int) map[string]iproov.EnrolImageParams {
	in := iproov.EnrolImageParams{Token: "t", Source: iproov.SourceEID}
	at, seeker, plain := in, in, in
	at.Image, seeker.Image = bytes.NewReader(jpeg(size)), onlySeeker{bytes.NewReader(jpeg(size))}
	plain.Image, plain.Size = onlyReader{bytes.NewReader(jpeg(size))}, int64(size)
	return map[string]iproov.EnrolImageParams{"reader at": at, "seeker": seeker, "reader": plain}
}

func TestAStatus500LeavesTheOutcomeUnknownWhateverItsCode(t *testing.T) {
	t.Parallel()
	for name, in := range photos(100) {
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.Any().JSON(500, map[string]string{"error": iproov.CodeInvalidKey}))
		n := 0
		client := srv.Client(func(cfg *iproov.Config) {
			key, _ := srv.Keys()
			cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) {
				n++
				return identkit.Secret(strings.Repeat("s", n)), nil
			})
		})
		_, err := client.Enrol.Image(t.Context(), in)
		e := fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)
		assert.True(t, e.OutcomeUnknown, name)
		assert.Contains(t, e.Error(), "ask for a verification token", name)
		assert.Equal(t, 1, srv.Journal().Len(), name)
	}
}

func TestKeysRotatedUnderAPhoto(t *testing.T) {
	t.Parallel()
	for name, in := range photos(100) {
		srv := iproovtest.New(iproovtest.Options{})
		key, secret := srv.Keys()
		claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
		require.NoError(t, err)
		in.Token = claim.Token
		asked := 0
		client := srv.Client(func(cfg *iproov.Config) {
			cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) {
				if asked++; asked == 1 {
					return "stale", nil
				}
				return secret, nil
			})
		})
		_, err = client.Enrol.Image(t.Context(), in)
		if name == "reader" {
			e := fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)
			assert.False(t, e.OutcomeUnknown, "refused before it ran")
			assert.Equal(t, 1, srv.Journal().Count("iproov.Enrol.Image"), "what was read cannot be sent again")
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, iproov.UserActive, srv.UserStatus(alice), name)
	}
}

func TestObserversSeeThatAPhotoWasNotAccepted(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{RefusePhotos: true, MaxImage: 3_000_000})
	claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	o := new(observed)
	client := srv.Client(func(cfg *iproov.Config) { cfg.Options.Observer, cfg.MaxImageBytes = o.observer(), 3_000_000 })
	_, err = client.Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(2_500_000))})
	require.EqualError(t, err, "iproov.Enrol.Image: rejected (HTTP 200): the photo was not accepted; the photo has more than 2,000,000 bytes, which may be the limit")
	require.Len(t, o.ends, 1)
	assert.Equal(t, identkit.ErrRejected, o.ends[0].Kind)
	assert.False(t, o.ends[0].OutcomeUnknown)
}

func TestTwoMegabytesMayBeTooMuch(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		srv := iproovtest.New(iproovtest.Options{MaxImage: 2_000_000, Dialect: iproovtest.Dialect{LargeImageStatus: status}})
		claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
		require.NoError(t, err)
		_, err = srv.Client().Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(2_050_000))})
		fails(t, err, identkit.ErrRejected, iproov.CodeInvalidEnrolImage)
		require.ErrorContains(t, err, "limit")
	}
}

// pattern is a photo that takes no memory.
type pattern struct{ size int64 }

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	n := min(int64(len(b)), p.size-off)
	for i := range b[:n] {
		b[i] = 7
	}
	for i := off; i < min(off+n, 3); i++ {
		b[i-off] = "\xff\xd8\xff"[i]
	}
	if n < int64(len(b)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func TestAnUploadIsNotHeldInMemory(t *testing.T) { // not parallel: it measures the heap
	const size, limit = 2 << 20, 512 << 10
	received := make(chan int64, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received <- n
		_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "token": "t", "user_id": alice})
	}))
	defer srv.Close()
	client, err := iproov.New(iproov.Config{BaseURL: srv.URL, Credentials: iproov.Keys("key", "secret")})
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	upload := func(image io.Reader, size int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := client.Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: "t", Source: iproov.SourceEID, Image: image, Size: size})
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		assert.Greater(t, <-received, int64(2<<20), "all of it arrived")
		return after.TotalAlloc - before.TotalAlloc // more than any peak can be
	}
	whole := func() *io.SectionReader { return io.NewSectionReader(pattern{size}, 0, size) }
	upload(whole(), 0) // connection and buffers
	assert.Less(t, upload(whole(), 0), uint64(limit), "reader at")
	assert.Less(t, upload(onlySeeker{whole()}, 0), uint64(limit), "seeker")
	assert.Less(t, upload(onlyReader{whole()}, size), uint64(limit), "reader")
}

func TestAPhotoIsAlsoBoundToTheTwoMinutes(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := iproovtest.New(iproovtest.Options{Clock: clock})
	claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	clock.Advance(2 * time.Minute)
	_, err = srv.Client().Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: claim.Token, Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(100))})
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)
}
