package powerauthtest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

type violation struct {
	FieldName    string          `json:"fieldName"`
	InvalidValue json.RawMessage `json:"invalidValue"`
	Hint         string          `json:"hint"`
}

type errorObject struct {
	Code       string      `json:"code"`
	Message    string      `json:"message"`
	Violations []violation `json:"violations,omitempty"`
}

type envelope struct {
	Status         string `json:"status"`
	ResponseObject any    `json:"responseObject"`
}

// refuse responds with an error envelope.
func refuse(c *fakeserver.Call, status int, code, message string, violations ...violation) {
	c.JSON(status, envelope{"ERROR", errorObject{code, message, violations}})
}

func invalid(c *fakeserver.Call, violations ...violation) {
	refuse(c, http.StatusBadRequest, powerauth.CodeRequest, "Validation failed", violations...)
}

// ok responds with an object, in an envelope where the deployment has them.
func (s *Server) ok(c *fakeserver.Call, v any) {
	if s.opts.Dialect.EnvelopeSuccess {
		v = envelope{"OK", v}
	}
	c.JSON(http.StatusOK, v)
}

// done responds to a call that returns nothing but success.
func (s *Server) done(c *fakeserver.Call) {
	if s.opts.Dialect.BareDone {
		s.ok(c, struct{}{})
		return
	}
	s.ok(c, map[string]string{"status": "OK"})
}

// decode reads the request body and returns the rules for its members. A malformed body breaks them.
func decode(c *fakeserver.Call, object string, v any) *rules {
	r := &rules{object: object}
	if !c.HasJSON() {
		r.malformed = "Content-Type must be application/json"
		return r
	}
	switch p := c.Decode(v); {
	case p == nil:
	case p.Kind == fakeserver.WrongType:
		r.wrongType = []violation{{object + "." + p.Path, json.RawMessage(p.Value), "must be " + p.Want}}
	default:
		r.malformed = "Request body is not JSON"
	}
	return r
}

// rules collects violations. The body's own faults exclude those of its members.
type rules struct {
	object     string
	malformed  string
	wrongType  []violation
	violations []violation
}

func (r *rules) that(ok bool, field string, value any, hint string) {
	if ok {
		return
	}
	r.violations = append(r.violations, violation{r.object + "." + field, must(json.Marshal(value)), hint})
}

// text reads a member that is a string or null, for bodies whose member names are an option.
func (r *rules) text(body map[string]json.RawMessage, field string, into **string) {
	raw := body[field]
	r.that(raw == nil || json.Unmarshal(raw, into) == nil, field, raw, "must be a string")
}

// filled checks that a required text is there.
func (r *rules) filled(field string, p *string) {
	r.that(value(p) != "", field, p, "must not be blank")
}

// base64 checks a secret, so that the response does not repeat it.
func (r *rules) base64(field string, p *string) {
	b, err := pacrypto.DecodeBase64(value(p))
	r.that(err == nil && len(b) > 0, field, nil, "must be Base64")
}

// refused refuses the call if there is a violation.
func (r *rules) refused(c *fakeserver.Call) bool {
	switch {
	case r.malformed != "":
		refuse(c, http.StatusBadRequest, powerauth.CodeHTTPRequest, r.malformed)
	case r.wrongType != nil:
		invalid(c, r.wrongType...)
	case r.violations != nil:
		invalid(c, r.violations...)
	default:
		return false
	}
	return true
}

// millis is a time as the deployment writes it.
func (s *Server) millis(t time.Time) json.RawMessage {
	switch {
	case t.IsZero():
		return json.RawMessage("null")
	case s.opts.Dialect.FractionalTimes:
		return strconv.AppendFloat(nil, float64(t.UnixMilli()), 'e', -1, 64)
	}
	return strconv.AppendInt(nil, t.UnixMilli(), 10)
}

// value is what a pointer points to, or the zero value: null and absent are alike.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// values are those of a map, null being empty.
func values(pointers map[string]*string) map[string]string {
	out := make(map[string]string, len(pointers))
	for name, p := range pointers {
		out[name] = value(p)
	}
	return out
}
