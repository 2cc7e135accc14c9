package iproov

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// ImageSource says where a photo comes from.
type ImageSource string

// The sources.
const (
	SourceEID    ImageSource = "eid"    // read from the chip of a document
	SourceOID    ImageSource = "oid"    // taken of a printed document
	SourceSelfie ImageSource = "selfie" // a trusted photo that the caller holds
)

// Known reports whether the source is one that iProov takes.
func (s ImageSource) Known() bool { return s == SourceEID || s == SourceOID || s == SourceSelfie }

// EnrolImageParams is a photo to enrol a user from.
type EnrolImageParams struct {
	// Token is that of an enrolment claim. Required.
	Token ClaimToken
	// UserID is the claim's user; when given, an answer about another one is refused.
	UserID UserID
	// Source says where the photo comes from. Required: sources disagree whether iProov has a default.
	Source ImageSource
	// Image is a PNG, JPEG or JP2 file of at most Config.MaxImageBytes, a portrait by ISO/IEC 19794-5 with at least 85 pixels
	// between the eyes. It streams from its present position and is never held in memory. Required. The type is told from
	// its first bytes. A reader that cannot seek serves one attempt only. A Read that blocks holds the call up beyond its timeouts and
	// context: give a network stream a deadline of its own.
	Image io.Reader
	// Size is the number of bytes in Image, for a reader that has neither Seek nor Len.
	Size int64
}

// EnrolledImage says that a user is enrolled.
type EnrolledImage struct {
	identkit.Raw `json:"-"`

	Token  ClaimToken
	UserID UserID
}

type imageAnswer struct {
	Success wire.Verdict `json:"success"`
	Token   wire.Sole    `json:"token"`
	UserID  wire.Sole    `json:"user_id"`
}

// imageResult is an answer that may still be a refusal.
type imageResult struct {
	EnrolledImage
	success bool
}

var enrolImage = &transport.OldOperation{
	Name:   "iproov.Enrol.Image",
	Method: http.MethodPost, Path: "/claim/enrol/image",
	Retry:     transport.RetryIfNotProcessed, // a token takes one image
	Unmetered: true,
}

// likelyMax is the smaller reading of the vendor's "2 MB".
const likelyMax = 2_000_000

// Image enrols the claim's user from a photo. The user needs no Validate; go on with [Verify.CreateToken]. The endpoint is enabled per
// service provider.
//
// Errors: [identkit.ErrInvalidRequest], sending nothing, for a file that is too large, of another type or of unknown size;
// [identkit.ErrRejected] when iProov does not accept the photo, also when it says so with status 200 and success: false;
// [identkit.ErrConflict] with invalid_token when the token took a photo before. The codes for photos without a usable face are
// not documented.
//
// Not safe to repeat: a token takes one photo. After [identkit.ErrOutcomeUnknown], ask for a verification token: it is given if
// the user was enrolled.
//
// Source: Swagger file 2.13, photo-enrol page; checked 2026-11.
func (s *Enrol) Image(ctx context.Context, in EnrolImageParams, opts ...identkit.CallOption) (*EnrolledImage, error) {
	photo := openPhoto(in.Image, in.Size)
	c := call{op: enrolImage, once: photo.once, in: transport.Input{Check: func(c *transport.Check) {
		c.Text("token", string(in.Token), 0)
		if in.UserID != "" {
			in.UserID.check(c, "user_id")
		}
		c.That(in.Source.Known(), "source", "is not eid, oid or selfie")
		switch {
		case photo.fault != "":
			c.Refuse("image", photo.fault)
		case photo.size > s.service.maxImage:
			c.Refuse("image", "is larger than "+strconv.FormatInt(s.service.maxImage, 10)+" bytes")
		case photo.format.mime == "":
			c.Refuse("image", "is not a PNG, JPEG or JP2 file")
		}
	}}}
	if photo.usable(s.service.maxImage) {
		c.keys = func(k keys, input *transport.Input) {
			input.Body = transport.Multipart([]transport.Field{
				{Name: "api_key", Value: k.apiKey.Reveal()},
				{Name: "secret", Value: k.secret.Reveal()},
				{Name: "rotation", Value: "0"}, // the only one supported
				{Name: "token", Value: string(in.Token)},
				{Name: "source", Value: string(in.Source)},
			}, "image", "image."+photo.format.extension, photo.body)
		}
	} else {
		c.keys = func(keys, *transport.Input) {} // refused by Check
	}
	if photo.once {
		opts = append(opts[:len(opts):len(opts)], identkit.WithAttempts(1))
	}
	finish := func(w *imageAnswer, _ transport.Path) (*imageResult, error) {
		switch {
		case !w.Success.Given():
			return nil, transport.Missing("success")
		case w.Token.String() == "" && w.Success.Yes():
			return nil, transport.Missing("token")
		case w.Token.String() != "" && w.Token.String() != string(in.Token):
			return nil, transport.Contradiction("answer is about another token")
		}
		user := UserID(w.UserID.String())
		if user == "" {
			user = in.UserID
		}
		return &imageResult{EnrolledImage{Token: in.Token, UserID: user}, w.Success.Yes()}, transport.Same("user_id", string(in.UserID), string(user))
	}
	done, err := send(ctx, s.service, c, finish, opts)
	if err != nil {
		var e *identkit.Error
		if errors.As(err, &e) && e.Kind == identkit.ErrRejected && photo.size > likelyMax {
			e.Detail = "the photo has more than 2,000,000 bytes, which may be the limit"
		}
		return nil, advise(err, "ask for a verification token to see whether the user is enrolled")
	}
	if !done.success {
		e := &identkit.Error{Provider: provider, Operation: enrolImage.Name, Kind: identkit.ErrRejected, Status: http.StatusOK, Detail: "the photo was not accepted"}
		transport.KeepBody(e, done.RawJSON())
		return nil, e
	}
	return &done.EnrolledImage, nil
}

// photo is a file that was looked at.
type photo struct {
	body   transport.Body
	size   int64
	format imageFormat
	once   bool
	fault  string
}

func (p *photo) usable(most int64) bool {
	return p.fault == "" && p.format.mime != "" && p.size <= most
}

type imageFormat struct{ mime, extension string }

// signatures are the beginnings of the files that iProov takes.
var signatures = []struct {
	begin  string
	format imageFormat
}{
	{"\xff\xd8\xff", imageFormat{"image/jpeg", "jpg"}},
	{"\x89PNG\r\n\x1a\n", imageFormat{"image/png", "png"}},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", imageFormat{"image/jp2", "jp2"}},
}

const longestSignature = 12

func formatOf(head []byte) imageFormat {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.begin)) {
			return s.format
		}
	}
	return imageFormat{}
}

// openPhoto finds out how large a file is and what it is, reading no more than its first bytes.
func openPhoto(r io.Reader, size int64) photo {
	switch {
	case r == nil:
		return photo{fault: "is missing"}
	case size < 0:
		return photo{fault: "has a negative Size"}
	}
	if s, ok := r.(io.Seeker); ok {
		if start, err := s.Seek(0, io.SeekCurrent); err == nil {
			return seekPhoto(r, s, start, size)
		}
		// A pipe has Seek too.
	}
	if l, ok := r.(interface{ Len() int }); ok && size != 0 && size != int64(l.Len()) {
		return photo{fault: "has another length than Size says"}
	} else if ok {
		size = int64(l.Len())
		if size == 0 {
			return photo{fault: "is empty"}
		}
	}
	if size == 0 {
		return photo{fault: "is of unknown size; give Size"}
	}
	head := make([]byte, min(longestSignature, size))
	if _, err := io.ReadFull(r, head); err != nil {
		return photo{fault: "cannot be read, or is shorter than Size"}
	}
	p := photo{size: size, format: formatOf(head), once: true}
	p.body = transport.Once(p.format.mime, io.MultiReader(bytes.NewReader(head), r), size)
	return p
}

func seekPhoto(r io.Reader, s io.Seeker, start, size int64) photo {
	end, err := s.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = s.Seek(start, io.SeekStart)
	}
	left := end - start
	switch {
	case err != nil:
		return photo{fault: "cannot be read"}
	case left <= 0:
		return photo{fault: "is empty"}
	case size != 0 && size != left:
		return photo{fault: "has another number of bytes than Size"}
	}
	head := make([]byte, min(longestSignature, left))
	if _, err = io.ReadFull(r, head); err == nil {
		_, err = s.Seek(start, io.SeekStart)
	}
	if err != nil {
		return photo{fault: "cannot be read"}
	}
	p := photo{size: left, format: formatOf(head)}
	if at, ok := r.(io.ReaderAt); ok {
		p.body = transport.ReaderAt(p.format.mime, io.NewSectionReader(at, start, left), left)
	} else if rs, ok := r.(io.ReadSeeker); ok {
		p.body = transport.Seeker(p.format.mime, rs)
	}
	return p
}
