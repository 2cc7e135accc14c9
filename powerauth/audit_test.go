package powerauth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// auditStart is the beginning of the logs below, in milliseconds. A number before 1973 would be read as seconds.
const auditStart = 1_700_000_000_000

// auditServer returns the events of a log in the requested range, with or without its ends.
type auditServer struct {
	events   []int64 // in the order of the response
	excluded bool
	later    []int64 // events that appear after the first response
	asked    []url.Values
}

func (a *auditServer) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	a.asked = append(a.asked, q)
	from, _ := strconv.ParseInt(q.Get("timestampFrom"), 10, 64)
	to, _ := strconv.ParseInt(q.Get("timestampTo"), 10, 64)
	var items []string
	for _, at := range a.events {
		if at >= from && (at < to || at == to && !a.excluded) {
			items = append(items, fmt.Sprintf(`{"activationId":"r-1","eventType":"signature_ok","eventData":"POST\n/pay\n{\"a\":1}","timestamp":%d}`, at))
		}
	}
	a.events, a.later = append(a.events, a.later...), nil
	body := `{"items":[` + strings.Join(items, ",") + `]}`
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Header: http.Header{}, Request: r}, nil
}

func (a *auditServer) client(t *testing.T, adjust ...func(*identkit.Options)) *powerauth.Client {
	t.Helper()
	opts := identkit.Options{HTTPClient: &http.Client{Transport: a}}
	for _, f := range adjust {
		f(&opts)
	}
	client, err := powerauth.New(powerauth.Config{BaseURL: stubURL, Credentials: powerauth.BasicAuth("u", "p"), Options: opts})
	require.NoError(t, err)
	return client
}

func TestAuditLogReturnsEachEventOnceInOrder(t *testing.T) {
	t.Parallel()
	hour := time.Hour.Milliseconds()
	// Two events alike on the border of two windows, one at each end, and a response out of order.
	one, two, three, five := auditStart+hour, auditStart+2*hour, auditStart+3*hour, auditStart+5*hour
	events := []int64{three, two + 1, two, two, one, five + 7}
	for _, excluded := range []bool{false, true} {
		a := &auditServer{events: events, excluded: excluded}
		var got []int64
		for item, err := range a.client(t).Audit.Log(t.Context(), powerauth.AuditLogParams{
			UserID: "u-1", From: time.UnixMilli(one), To: time.UnixMilli(five + 7), Window: time.Hour,
		}) {
			require.NoError(t, err)
			got = append(got, item.Time.UnixMilli())
			assert.Equal(t, powerauth.RegistrationID("r-1"), item.RegistrationID)
		}
		want := []int64{one, two, two, two + 1, three, five + 7}
		if excluded {
			want = want[:5]
		}
		assert.Equal(t, want, got)
		assert.Len(t, a.asked, 5)
	}
}

func TestAuditLogDetectsEventsAddedLater(t *testing.T) {
	t.Parallel()
	at := int64(auditStart)
	a := &auditServer{events: []int64{at}, later: []int64{at}}
	n := 0
	for _, err := range a.client(t).Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1", From: time.UnixMilli(at - 500), To: time.UnixMilli(at + 500), Window: 500 * time.Millisecond}) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 2, n)
}

func TestAuditLogDefaultsToThirtyDaysInDailyWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &auditServer{}
		for _, err := range a.client(t).Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1"}) {
			require.NoError(t, err)
		}
		require.Len(t, a.asked, 30)
		now := time.Now().UnixMilli()
		assert.Equal(t, url.Values{
			"userId":        {"u-1"},
			"timestampFrom": {strconv.FormatInt(now-30*24*time.Hour.Milliseconds(), 10)},
			"timestampTo":   {strconv.FormatInt(now-29*24*time.Hour.Milliseconds(), 10)},
		}, a.asked[0])
		assert.Equal(t, strconv.FormatInt(now, 10), a.asked[29].Get("timestampTo"))
	})
}

func TestAuditLogEndsWithThePresentOfTheProvidersClock(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute, 50 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			clock := new(identkittest.Clock)
			clock.Advance(skew)
			srv := powerauthtest.New(powerauthtest.Options{Clock: clock})
			defer srv.Close()
			client := srv.Client()
			header, err := phoneOf(srv, client, "u-1").Sign(powerauthtest.Request{Method: http.MethodPost, URIID: "/pay"}, powerauthtest.PIN("1379"))
			require.NoError(t, err)
			_, err = client.Signatures.Verify(t.Context(), powerauth.VerifySignatureParams{Method: http.MethodPost, URIID: "/pay", AuthHeader: identkit.Secret(header)})
			require.NoError(t, err)
			events := 0
			for _, err := range client.Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1"}) {
				require.NoError(t, err)
				events++
			}
			assert.Equal(t, 1, events, skew)
		})
	}
}

func TestAuditLogStopsWithTheLoop(t *testing.T) {
	t.Parallel()
	a := &auditServer{events: []int64{auditStart + 1, auditStart + 2}}
	seq := a.client(t).Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1", From: time.UnixMilli(auditStart), To: time.UnixMilli(auditStart + 1000), Window: 500 * time.Millisecond})
	assert.Empty(t, a.asked)
	for range seq {
		break
	}
	assert.Len(t, a.asked, 1)
	for range seq {
		break
	}
	assert.Len(t, a.asked, 2, "it can be ranged over again")
}

func TestAuditItemIsDecodedAndPrintsNothing(t *testing.T) {
	t.Parallel()
	a := &auditServer{events: []int64{auditStart}}
	var got []powerauth.AuditItem
	for item, err := range a.client(t).Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1", From: time.UnixMilli(auditStart), To: time.UnixMilli(auditStart + 10)}) {
		require.NoError(t, err)
		got = append(got, item)
	}
	require.Len(t, got, 1)
	item := got[0]
	method, uriID, body, ok := item.Request()
	assert.Equal(t, []any{"POST", "/pay", `{"a":1}`, true}, []any{method, uriID, body.Reveal(), ok})
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", item, item, item), `a`+`":1`)
	stored, err := powerauth.ParseAuditItem(item.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, item, *stored)
	_, err = powerauth.ParseAuditItem([]byte(`{"activationId":"r-1","eventType":"x"}`))
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	_, _, _, ok = (&powerauth.AuditItem{EventData: "something else"}).Request()
	assert.False(t, ok)
}

func TestAuditErrorsEndTheSequence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		q    powerauth.AuditLogParams
		body string
		want identkit.Kind
	}{
		"no user":                  {powerauth.AuditLogParams{}, `{"items":[]}`, identkit.ErrInvalidRequest},
		"before 1970":              {powerauth.AuditLogParams{UserID: "u", From: time.Unix(-1, 0)}, `{"items":[]}`, identkit.ErrInvalidRequest},
		"the range is reversed":    {powerauth.AuditLogParams{UserID: "u", From: time.UnixMilli(5), To: time.UnixMilli(4)}, `{"items":[]}`, identkit.ErrInvalidRequest},
		"the window is too short":  {powerauth.AuditLogParams{UserID: "u", Window: time.Microsecond}, `{"items":[]}`, identkit.ErrInvalidRequest},
		"a negative window":        {powerauth.AuditLogParams{UserID: "u", Window: -time.Hour}, `{"items":[]}`, identkit.ErrInvalidRequest},
		"a response without items": {powerauth.AuditLogParams{UserID: "u"}, `{}`, identkit.ErrBadResponse},
		"an invalid item":          {powerauth.AuditLogParams{UserID: "u"}, `{"items":[1]}`, identkit.ErrBadResponse},
	} {
		_, client := stubbed(t, 200, c.body)
		n := 0
		for _, err := range client.Audit.Log(t.Context(), c.q) {
			n++
			require.ErrorIs(t, err, c.want, name)
		}
		assert.Equal(t, 1, n, name)
	}
}

func TestAuditPathIsConfigurable(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"items":[]}`, func(cfg *powerauth.Config) {
		cfg.Options.Paths = map[string]string{"powerauth.Audit.Log": "/v2/audit/log"}
	})
	for _, err := range client.Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u", From: time.UnixMilli(1), To: time.UnixMilli(2)}) {
		require.NoError(t, err)
	}
	assert.Equal(t, "/powerauth-cloud/v2/audit/log", s.last(t).path)
}

func TestInvalidAuditItemsAreBadResponses(t *testing.T) {
	t.Parallel()
	from := time.UnixMilli(1701426030500)
	q := powerauth.AuditLogParams{UserID: "u", From: from, To: from.Add(48 * time.Hour), Window: 24 * time.Hour}
	item := `{"activationId":"r","eventType":"signature_ok","eventData":"","timestamp":1701426030600}`
	_, client := stubbed(t, 200, `{"items":[`+item+`]}`)
	n := 0
	for _, err := range client.Audit.Log(t.Context(), q) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 1, n, "returned in each window, it is still one event")
	for _, body := range []string{
		`{"items":[null]}`, `{"items":[{}]}`, `{"items":[{"activationId":"r","eventType":"x"}]}`, `{"items":null}`, `{"items":{}}`, `{"Items":[]}`, `[]`, `null`,
		`{"items":[],"items":[` + item + `]}`, `{"items":[` + strings.Replace(item, "activationId", "ActivationId", 1) + `]}`,
		`{"items":[` + strings.Replace(item, `"r"`, `7`, 1) + `]}`, `{"items":[` + strings.Replace(item, `"r"`, `"r","activationId":"s"`, 1) + `]}`,
		`{"items":[` + strings.Replace(item, "1701426030600", `"yesterday"`, 1) + `]}`, `{"items":[` + strings.Replace(item, `""`, `"\ud800"`, 1) + `]}`,
	} {
		_, client := stubbed(t, 200, body)
		for _, err := range client.Audit.Log(t.Context(), q) {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		}
	}
}

func TestAuditTimesAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, text := range []string{`1772359200000`, `1.7723592e12`, `"1772359200000"`, `1772359200`, `"2026-03-01T10:00Z"`, `"2026-03-01T11:00+01"`, `"2026-03-01T10:00:00.000Z[UTC]"`} {
		_, client := stubbed(t, 200, "\xef\xbb\xbf"+`{"items":[{"activationId":"r","eventType":7,"eventData":null,"timestamp":`+text+`}]}`)
		n := 0
		for item, err := range client.Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u", From: at, To: at.Add(time.Minute)}) {
			require.NoError(t, err, text)
			assert.True(t, at.Equal(item.Time), "%s is %s", text, item.Time)
			n++
		}
		assert.Equal(t, 1, n, text)
	}
	for _, err := range (powerauth.Audit{}).Log(t.Context(), powerauth.AuditLogParams{UserID: "u"}) {
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, "New did not make it")
	}
}
