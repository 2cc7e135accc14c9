package iproovtest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

// upload is a multipart body.
type upload struct {
	text      map[string]string
	image     []byte
	imageType string
}

var (
	errNotForm   = errors.New("iproovtest: body is not multipart/form-data with a boundary")
	errPart      = errors.New("iproovtest: a part is unknown, a duplicate or of another kind")
	errOrder     = errors.New("iproovtest: a text part follows the file, which some parsers do not read")
	errNoEnd     = errors.New("iproovtest: the body does not end with its boundary")
	errImageKind = errors.New("iproovtest: the file does not match its Content-Type")
)

// parse reads a multipart body as strictly as any parser.
func parse(c *fakeserver.Call) (*upload, error) {
	media, params, err := mime.ParseMediaType(c.Header().Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return nil, errNotForm
	}
	if !bytes.HasSuffix(bytes.TrimRight(c.Body(), "\r\n"), []byte("\r\n--"+params["boundary"]+"--")) {
		return nil, errNoEnd
	}
	u := &upload{text: make(map[string]string)}
	r := multipart.NewReader(bytes.NewReader(c.Body()), params["boundary"])
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		name := part.FormName()
		_, duplicate := u.text[name]
		switch {
		case u.image != nil:
			return nil, errOrder
		case name == "image" && part.FileName() != "":
			u.image, u.imageType = content, part.Header.Get("Content-Type")
		case duplicate || part.FileName() != "" || !slices.Contains([]string{"api_key", "secret", "rotation", "token", "source"}, name):
			return nil, errPart
		default:
			u.text[name] = string(content)
		}
	}
}

func (u *upload) kind() error {
	begins := map[string]string{"image/png": "\x89PNG", "image/jpeg": "\xff\xd8\xff", "image/jp2": "\x00\x00\x00\x0cjP"}
	if begin, ok := begins[u.imageType]; !ok || !strings.HasPrefix(string(u.image), begin) {
		return errImageKind
	}
	return nil
}

func (s *Server) image(c *fakeserver.Call) {
	u, err := parse(c)
	if err != nil {
		describe(c, http.StatusBadRequest, iproov.CodeInvalidEnrolImage, err.Error())
		return
	}
	if !s.keyed(c, u.text["api_key"], u.text["secret"]) {
		return
	}
	source, given := u.text["source"]
	if !given && s.opts.Dialect.SourceOptional {
		source = string(iproov.SourceEID)
	}
	cl, known := s.claims[iproov.ClaimToken(u.text["token"])]
	now := c.Now()
	switch {
	case len(u.image) == 0:
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidEnrolImage)
	case len(u.image) > s.opts.MaxImage:
		refuse(c, s.opts.Dialect.LargeImageStatus, iproov.CodeInvalidEnrolImage)
	case u.kind() != nil:
		describe(c, http.StatusBadRequest, iproov.CodeInvalidEnrolImage, u.kind().Error())
	case u.text["rotation"] != "0" || u.text["token"] == "":
		refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
	case !iproov.ImageSource(source).Known():
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidSource)
	case !known || cl.kind != iproov.TypeEnrol || cl.stopped || cl.started || !s.fresh(cl, now):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidToken)
	case s.enrolled(cl.user):
		refuse(c, http.StatusBadRequest, iproov.CodeAlreadyEnrolled)
	default:
		if !s.opts.RefusePhotos {
			cl.stopped = true
			s.users[cl.user] = newUser(cl.user, iproov.UserActive, now)
		}
		c.JSON(http.StatusOK, map[string]any{"success": !s.opts.RefusePhotos, "token": cl.token, "user_id": cl.user})
	}
}
