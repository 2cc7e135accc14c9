package powerauth

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Audit reads what a user's devices did: client.Audit.
type Audit struct{ road *transport.Road }

// AuditLogParams asks for the audit log of a user.
type AuditLogParams struct {
	// UserID is the user. Required; 1 to 255 characters.
	UserID UserID
	// From and To bound the time, both included. Zero means 30 days before To, and now. To the millisecond.
	From, To time.Time
	// Window is how much time one call asks for. Zero means a day; PAC has no paging, so that a user's busy month could be
	// more than one answer may hold.
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

type auditItemAnswer struct {
	AuditItem
	Time wire.Time `json:"timestamp"`
}

type auditAnswer struct {
	Items *[]json.RawMessage `json:"items"`
}

type auditPage struct{ items []AuditItem }

func (w *auditAnswer) finish(transport.Path) (*auditPage, error) {
	if w.Items == nil {
		return nil, transport.Missing("items")
	}
	page := &auditPage{items: make([]AuditItem, 0, len(*w.Items))}
	for _, raw := range *w.Items {
		var item auditItemAnswer
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, err
		}
		switch {
		case item.RegistrationID == "":
			return nil, transport.Missing("activationId")
		case item.EventType == "":
			return nil, transport.Missing("eventType")
		case item.Time.IsZero():
			return nil, transport.Missing("timestamp")
		}
		item.AuditItem.Time = item.Time.Time
		transport.KeepRaw(&item, raw)
		page.items = append(page.items, item.AuditItem)
	}
	// The order of an answer is undocumented.
	slices.SortStableFunc(page.items, func(a, b AuditItem) int { return a.Time.Compare(b.Time) })
	return page, nil
}

var auditLog = &transport.OldOperation{
	Name:   "powerauth.Audit.Log",
	Method: http.MethodGet, Path: "/audit/log",
	Retry: transport.RetrySafe,
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
// Whether the ends of a time range are included is undocumented; windows overlap by their edge, and what comes twice there is
// given once.
//
// Source: API-Audit; checked 2026-11.
func (s *Audit) Log(ctx context.Context, q AuditLogParams, opts ...identkit.CallOption) iter.Seq2[AuditItem, error] {
	return func(yield func(AuditItem, error) bool) {
		q := q.withDefaults(time.Now())
		var edge map[string]int // what the last window had at its end, and how often
		for from := q.From; ; from = from.Add(q.Window) {
			to := from.Add(q.Window)
			if last := !to.Before(q.To); last {
				to = q.To
			}
			page, err := s.page(ctx, q, from, to, opts)
			if err != nil {
				yield(AuditItem{}, err)
				return
			}
			next := make(map[string]int)
			for _, item := range page.items {
				if item.Time.Before(from) || item.Time.After(to.Add(time.Millisecond)) {
					continue // a deployment that takes no notice of the range gives everything in each window
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
	if q.Window == 0 {
		q.Window = auditWindow
	}
	// What is sent has no finer units, and edges are compared. An event of the last, begun millisecond belongs to it.
	q.From, q.Window = q.From.Truncate(time.Millisecond), q.Window.Truncate(time.Millisecond)
	if end := q.To.Truncate(time.Millisecond); end.Before(q.To) {
		q.To = end.Add(time.Millisecond)
	}
	return q
}

func (s *Audit) page(ctx context.Context, q AuditLogParams, from, to time.Time, opts []identkit.CallOption) (*auditPage, error) {
	return transport.Do(ctx, s.road, auditLog, transport.Input{
		Query: url.Values{
			"userId":        {string(q.UserID)},
			"timestampFrom": {strconv.FormatInt(from.UnixMilli(), 10)},
			"timestampTo":   {strconv.FormatInt(to.UnixMilli(), 10)},
		},
		Check: q.check,
	}, (*auditAnswer).finish, opts)
}
