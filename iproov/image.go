package iproov

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
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
	Token  ClaimToken  // that of an enrolment claim; required
	UserID UserID      // the claim's user; when given, a response about another one is refused
	Source ImageSource // where the photo comes from; required: the vendor's documents disagree whether there is a default
	// Image is a PNG, JPEG or JP2 file of at most Config.MaxImageBytes, a portrait by ISO/IEC 19794-5 with at least 85 pixels
	// between the eyes; its first bytes say which. It streams from its present position and is never held in memory. Required.
	// What was read of a reader that cannot seek cannot be sent again. A Read that blocks holds the call up beyond its timeouts
	// and context: give a network stream a deadline of its own.
	Image io.Reader
	// Size is the number of bytes in Image, for a reader that has neither Seek nor Len.
	Size int64
}

// EnrolledImage says that a user is enrolled.
type EnrolledImage struct {
	identkit.Raw `json:"-"`

	Token  ClaimToken `json:"token"`
	UserID UserID     `json:"user_id"`
}

// imageResponse may still be a refusal.
type imageResponse struct {
	EnrolledImage
	Success bool `json:"success"`
}

type imageInput struct {
	EnrolImageParams
	maxSize int64
}

func (in *imageInput) request(r *transport.Request) {
	r.Text("token", string(in.Token), 0)
	if in.UserID != "" {
		in.UserID.check(&r.Check, "user_id")
	}
	r.That(in.Source.Known(), "source", "is not eid, oid or selfie")
	p := openPhoto(in.Image, in.Size)
	switch {
	case p.fault != "":
		r.Refuse("image", p.fault)
	case p.size > in.maxSize:
		r.Refuse("image", "is larger than "+strconv.FormatInt(in.maxSize, 10)+" bytes")
	case p.format.mime == "":
		r.Refuse("image", "is not a PNG, JPEG or JP2 file")
	default:
		r.Body = transport.Multipart([]transport.Field{
			{Name: "rotation", Value: "0"}, // the only one supported
			{Name: "token", Value: string(in.Token)},
			{Name: "source", Value: string(in.Source)},
		}, "image", "image."+p.format.extension, p.body.Named("image"))
	}
	if p.size > likelyMax {
		r.WhenRejected = "the photo has more than 2,000,000 bytes, which may be the limit"
	}
}

func (in *imageInput) same(out *imageResponse) error {
	switch {
	case out.Token == "" && out.Success:
		return transport.Missing("token")
	case out.Token != "" && out.Token != in.Token:
		return transport.Contradiction("response is about another token")
	case out.UserID == "":
		out.UserID = in.UserID
	}
	if err := transport.Same("user_id", in.UserID, out.UserID); err != nil || out.Success {
		return err
	}
	return &identkit.Error{Kind: identkit.ErrRejected, Detail: "the photo was not accepted"}
}

var enrolImage = transport.Op[imageInput, imageResponse]{
	Name: "iproov.Enrol.Image", Method: http.MethodPost, Path: "/claim/enrol/image",
	Retry:     identkit.RetryIfNotProcessed, // a token takes one image
	Unmetered: true,
	Verdicts:  []string{"success"},
	AfterLoss: "ask for a verification token to see whether the user is enrolled",
	Request:   (*imageInput).request,
	Same:      (*imageInput).same,
}

// likelyMax is the smaller reading of the vendor's "2 MB".
const likelyMax = 2_000_000

// Image enrols the claim's user from a photo. The user needs no Validate; go on with [Verify.CreateToken]. The endpoint is enabled per
// service provider.
//
// Errors: [identkit.ErrInvalidRequest] for a file that is too large, of another type or of unknown size, sending nothing, and for one that
// cannot be read or has another size, of which no complete photo was sent;
// [identkit.ErrRejected] when iProov does not accept the photo, also when it says so with status 200 and success: false;
// [identkit.ErrConflict] with invalid_token when the token took a photo before. The codes for photos without a usable face are
// undocumented.
//
// Not safe to repeat: a token takes one photo. After [identkit.ErrOutcomeUnknown], ask for a verification token: it is given if
// the user was enrolled.
// Source: Swagger file 2.13, photo-enrol page; checked 2026-11.
func (s Enrol) Image(ctx context.Context, in EnrolImageParams, opts ...identkit.CallOption) (*EnrolledImage, error) {
	out, err := enrolImage.Do(ctx, s.client, imageInput{in, s.maxImage}, opts)
	if err != nil {
		return nil, err
	}
	return &out.EnrolledImage, nil
}

type photo struct {
	body   transport.Body
	size   int64
	format imageFormat
	fault  string
}

type imageFormat struct{ signature, mime, extension string }

// formats are what iProov takes.
var formats = []imageFormat{
	{"\xff\xd8\xff", "image/jpeg", "jpg"},
	{"\x89PNG\r\n\x1a\n", "image/png", "png"},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2", "jp2"},
}

const longestSignature = 12

func formatOf(head []byte) imageFormat {
	for _, f := range formats {
		if bytes.HasPrefix(head, []byte(f.signature)) {
			return f
		}
	}
	return imageFormat{}
}

// openPhoto finds out how large a file is and what it is, reading no more than its first bytes.
func openPhoto(r io.Reader, size int64) photo {
	switch {
	case transport.IsNil(r):
		return photo{fault: "is missing"}
	case size < 0:
		return photo{fault: "has a negative Size"}
	}
	if s, ok := r.(io.ReadSeeker); ok {
		if start, err := s.Seek(0, io.SeekCurrent); err == nil { // it fails for a pipe
			return seekPhoto(s, start, size)
		}
	}
	l, ok := r.(interface{ Len() int })
	switch {
	case ok && size != 0 && size != int64(l.Len()):
		return photo{fault: "has another length than Size says"}
	case ok && l.Len() == 0:
		return photo{fault: "is empty"}
	case ok:
		size = int64(l.Len())
	case size == 0:
		return photo{fault: "is of unknown size; give Size"}
	}
	head := make([]byte, min(longestSignature, size))
	if _, err := io.ReadFull(r, head); err != nil {
		return photo{fault: "cannot be read, or is shorter than Size"}
	}
	p := photo{size: size, format: formatOf(head)}
	p.body = transport.OneShot(p.format.mime, io.MultiReader(bytes.NewReader(head), r), size)
	return p
}

func seekPhoto(s io.ReadSeeker, start, size int64) photo {
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
	if _, err = io.ReadFull(s, head); err == nil {
		_, err = s.Seek(start, io.SeekStart)
	}
	if err != nil {
		return photo{fault: "cannot be read"}
	}
	p := photo{size: left, format: formatOf(head)}
	if at, ok := s.(io.ReaderAt); ok {
		p.body = transport.ReaderAt(p.format.mime, io.NewSectionReader(at, start, left), left)
	} else {
		p.body = transport.Seeker(p.format.mime, s)
	}
	return p
}
