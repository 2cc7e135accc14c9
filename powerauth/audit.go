package powerauth

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Audit reads what a user's devices did: client.Audit.
type Audit struct{ client *transport.Client }

// AuditLogParams asks for the audit log of a user.
type AuditLogParams struct {
	// UserID is the user. Required; 1 to 255 characters.
	UserID UserID
	// From and To bound the time, both included. Zero means 30 days before To, and now, by PAC's clock if that is ahead. To the millisecond.
	From, To time.Time
	// Window is how much time one call asks for. Zero means a day: PAC has no paging, and a busy month could be more than one
	// response may hold.
	Window time.Duration
}

const (
	auditRange  = 30 * 24 * time.Hour
	auditWindow = 24 * time.Hour
)

func (q *AuditLogParams) check(c *transport.Check) {
	c.Text("userId", string(q.UserID), maxUserID)
	c.That(q.From.UnixMilli() >= 0, "timestampFrom", "is before 1970")
	c.That(!q.To.Before(q.From), "timestampTo", "is before timestampFrom")
	c.That(q.Window >= time.Millisecond, "Window", "is shorter than a millisecond")
}

// AuditItem is one event.
type AuditItem struct {
	identkit.Raw `json:"-"`

	RegistrationID RegistrationID `json:"activationId"` // the engine's name for it
	EventType      string         `json:"eventType"`    // such as signature_ok
	// EventData is what the device signed; see [AuditItem.Request]. It can hold the body of a request, and so personal data, which
	// is why it prints as a mask.
	EventData identkit.Secret `json:"eventData"`
	Time      time.Time       `json:"timestamp"`
}

// Request takes EventData apart: HTTP method, uriId, and the body as text. ok is false when it has another form.
func (i *AuditItem) Request() (method, uriID string, body identkit.Secret, ok bool) {
	method, rest, ok := strings.Cut(i.EventData.Reveal(), "\n")
	if !ok {
		return "", "", "", false
	}
	uriID, text, _ := strings.Cut(rest, "\n")
	return method, uriID, identkit.Secret(text), true
}

func (i *AuditItem) check() error {
	if err := required("activationId", string(i.RegistrationID), "eventType", i.EventType); err != nil || !i.Time.IsZero() {
		return err
	}
	return transport.Missing("timestamp")
}

// parseAuditItem reads one item of what auditLog returns.
var parseAuditItem = transport.Op[transport.None, AuditItem]{Name: "powerauth.ParseAuditItem", Check: (*AuditItem).check}

// ParseAuditItem reads the stored RawJSON of an [AuditItem], by the rules of [Audit.Log].
func ParseAuditItem(raw []byte) (*AuditItem, error) { return parseAuditItem.Parse(codec, raw) }

// auditPage is what one call returns.
type auditPage struct {
	Items []AuditItem `json:"items"`
}

func (p *auditPage) check() error {
	// The order of a response is undocumented.
	slices.SortStableFunc(p.Items, func(a, b AuditItem) int { return a.Time.Compare(b.Time) })
	return requiredList("items", p.Items, (*AuditItem).check)
}

// auditRequest asks for one window of a log.
type auditRequest struct {
	log      AuditLogParams
	from, to time.Time
}

func (q *auditRequest) request(r *transport.Request) {
	q.log.check(&r.Check)
	r.AddQuery("userId", string(q.log.UserID))
	r.AddQuery("timestampFrom", strconv.FormatInt(q.from.UnixMilli(), 10))
	r.AddQuery("timestampTo", strconv.FormatInt(q.to.UnixMilli(), 10))
}

var auditLog = transport.Op[auditRequest, auditPage]{
	Name: "powerauth.Audit.Log", Method: http.MethodGet, Path: "/audit/log",
	Retry:      identkit.RetrySafe,
	Assumption: "PA-041",
	Request:    (*auditRequest).request,
	Check:      (*auditPage).check,
}

// Log reads the audit log of a user, oldest event first, one call for each Window of time. The calls are made as the loop asks for
// more; the options apply to each. An error ends the sequence, and the same sequence can be ranged over again.
//
//	for item, err := range client.Audit.Log(ctx, powerauth.AuditLogParams{UserID: "u-1"}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(item.Time, item.EventType)
//	}
//
// Errors: [identkit.ErrInvalidRequest]; [identkit.ErrRejected] with code [CodeAudit] for bad dates or an unknown user. Safe to repeat.
//
// The vendor calls this API experimental. Newer texts mention /v2/audit/log: Options.Paths["powerauth.Audit.Log"] switches over.
// Whether the ends of a time range are included is undocumented: windows share an edge, and an event that both return there is
// yielded once.
//
// Source: API-Audit; checked 2026-11.
func (s Audit) Log(ctx context.Context, q AuditLogParams, opts ...identkit.CallOption) iter.Seq2[AuditItem, error] {
	return func(yield func(AuditItem, error) bool) {
		open := q.To.IsZero()
		q := q.withDefaults(time.Now())
		var edge map[string]int // the events at the end of the last window, counted
		for from := q.From; ; from = from.Add(q.Window) {
			to := from.Add(q.Window)
			if to.After(q.To) {
				to = q.To
			}
			var date time.Time
			page, err := auditLog.Do(ctx, s.client, auditRequest{q, from, to}, append(slices.Clip(opts), transport.Dated(&date)))
			if err != nil {
				yield(AuditItem{}, err)
				return
			}
			// The newest events are dated by PAC's clock. Its Date has no fractions of the second.
			if ahead := time.Until(date).Truncate(time.Millisecond); open && ahead > 0 {
				q.To = q.To.Add(ahead + time.Second)
			}
			open = false
			next := make(map[string]int)
			for _, item := range page.Items {
				if item.Time.Before(from) || item.Time.After(to.Add(time.Millisecond)) {
					continue // a deployment that ignores the range returns everything in each window
				}
				key := string(item.RawJSON())
				if !item.Time.Before(to) {
					next[key]++
				}
				if edge[key] > 0 && !item.Time.After(from) {
					edge[key]--
					continue
				}
				if !yield(item, nil) {
					return
				}
			}
			if edge = next; !to.Before(q.To) {
				return
			}
		}
	}
}

func (q AuditLogParams) withDefaults(now time.Time) AuditLogParams {
	if q.To.IsZero() {
		q.To = now
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-auditRange)
	}
	q.Window = cmp.Or(q.Window, auditWindow)
	// What is sent has no finer units, and edges are compared. An event of the last, begun millisecond belongs to it.
	q.From, q.Window = q.From.Truncate(time.Millisecond), q.Window.Truncate(time.Millisecond)
	if end := q.To.Truncate(time.Millisecond); end.Before(q.To) {
		q.To = end.Add(time.Millisecond)
	}
	return q
}
