package iproovtest_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

// upload posts the multipart body of build.
func upload(t *testing.T, srv *iproovtest.Server, build func(*multipart.Writer)) (int, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	build(w)
	require.NoError(t, w.Close())
	return post(srv, w.FormDataContentType(), body.Bytes())
}

func post(srv *iproovtest.Server, media string, body []byte) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/api/v2/claim/enrol/image", bytes.NewReader(body))
	r.Header.Set("Content-Type", media)
	rec := httptest.NewRecorder()
	srv.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

func fields(t *testing.T, srv *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken, without string) {
	t.Helper()
	key, secret := srv.Keys()
	for _, f := range [][2]string{{"api_key", key.Reveal()}, {"secret", secret.Reveal()}, {"rotation", "0"}, {"token", string(token)}, {"source", "eid"}} {
		if f[0] != without {
			require.NoError(t, w.WriteField(f[0], f[1]))
		}
	}
}

func file(t *testing.T, w *multipart.Writer, name, media, content string) {
	t.Helper()
	h := textproto.MIMEHeader{"Content-Type": {media}}
	h.Set("Content-Disposition", multipart.FileContentDisposition(name, "image.png"))
	part, err := w.CreatePart(h)
	require.NoError(t, err)
	_, err = io.WriteString(part, content)
	require.NoError(t, err)
}

func TestMultipartIsReadStrictly(t *testing.T) {
	t.Parallel()
	const png, good = "image/png", "\x89PNG...."
	for name, c := range map[string]struct {
		build func(*testing.T, *iproovtest.Server, *multipart.Writer, iproov.ClaimToken)
		code  string
	}{
		"good": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
			file(t, w, "image", png, good)
		}, ""},
		"the file first": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			file(t, w, "image", png, good)
			fields(t, s, w, token, "")
		}, iproov.CodeInvalidEnrolImage},
		"no file": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
		}, iproov.CodeInvalidEnrolImage},
		"an empty file": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
			file(t, w, "image", png, "")
		}, iproov.CodeInvalidEnrolImage},
		"a file of another name": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
			file(t, w, "photo", png, good)
		}, iproov.CodeInvalidEnrolImage},
		"a file of another type": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
			file(t, w, "image", "image/jpeg", good)
		}, iproov.CodeInvalidEnrolImage},
		"a duplicate part": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
			require.NoError(t, w.WriteField("source", "oid"))
			file(t, w, "image", png, good)
		}, iproov.CodeInvalidEnrolImage},
		"an unknown part": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "")
			require.NoError(t, w.WriteField("ip", "1.2.3.4"))
			file(t, w, "image", png, good)
		}, iproov.CodeInvalidEnrolImage},
		"no secret": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "secret")
			file(t, w, "image", png, good)
		}, iproov.CodeInvalidKey},
		"rotation as eight bytes": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "rotation")
			require.NoError(t, w.WriteField("rotation", string(make([]byte, 8))))
			file(t, w, "image", png, good)
		}, iproov.CodeMissingData},
		"a source in upper case": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, token iproov.ClaimToken) {
			fields(t, s, w, token, "source")
			require.NoError(t, w.WriteField("source", "EID"))
			file(t, w, "image", png, good)
		}, iproov.CodeInvalidSource},
		"another token": {func(t *testing.T, s *iproovtest.Server, w *multipart.Writer, _ iproov.ClaimToken) {
			fields(t, s, w, "no-such", "")
			file(t, w, "image", png, good)
		}, iproov.CodeInvalidToken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{})
			claim, err := srv.Client().Enrol.CreateToken(t.Context(), in)
			require.NoError(t, err)
			status, body := upload(t, srv, func(w *multipart.Writer) { c.build(t, srv, w, claim.Token) })
			if c.code == "" {
				assert.Equal(t, 200, status, body)
				return
			}
			assert.Contains(t, body, `"`+c.code+`"`)
			assert.Empty(t, srv.UserStatus(user))
		})
	}
	t.Run("framing", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		for _, media := range []string{"", "application/json", "multipart/form-data", "multipart/mixed; boundary=b"} {
			status, _ := post(srv, media, []byte("--b--\r\n"))
			assert.Equal(t, 400, status, media)
		}
		status, body := post(srv, "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"source\"\r\n\r\neid"))
		assert.Equal(t, 400, status)
		assert.Contains(t, body, "boundary", "a body that does not end")
	})
}
