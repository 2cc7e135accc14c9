package webhooktest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// inbox responds with its statuses in order, then with the last one, and records the requests.
type inbox struct {
	mu       sync.Mutex
	statuses []int
	bodies   []string
	ids      []string
	stamps   []string
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bodies = append(b.bodies, string(body))
	b.ids = append(b.ids, r.Header.Get("Webhook-Id"))
	b.stamps = append(b.stamps, r.Header.Get("Webhook-Timestamp"))
	w.WriteHeader(b.statuses[0])
	if len(b.statuses) > 1 {
		b.statuses = b.statuses[1:]
	}
}

func TestSenderRetriesWithTheSameIDAndANewTimestamp(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	box := &inbox{statuses: []int{503, 500, 204}}
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	clock := identkittest.NewClock(start)
	sender := &webhooktest.Sender{URL: server.URL, Client: server.Client(), Sign: webhooktest.SignStandard(key), Clock: clock}
	report, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte("{}"), Copies: 1})
	require.NoError(t, err)
	assert.Equal(t, []int{503, 500, 204, 204}, report.Statuses())
	assert.True(t, report.Accepted())
	assert.True(t, report.Attempts[3].Copy)
	assert.Equal(t, []string{report.ID, report.ID, report.ID, report.ID}, box.ids)
	assert.Equal(t, []string{"1000000", "1000005", "1000015", "1000015"}, box.stamps)
	assert.Equal(t, start.Add(15*time.Second), clock.Now())
}

func TestSenderGivesUpAndSendsNoCopies(t *testing.T) {
	t.Parallel()
	box := &inbox{statuses: []int{404}}
	sender := &webhooktest.Sender{Handler: box, Sign: webhooktest.Unsigned(), Attempts: 2, Backoff: func(int) time.Duration { return 0 }}
	report, err := sender.Send(t.Context(), webhooktest.Message{Copies: 3})
	require.NoError(t, err)
	assert.Equal(t, []int{404, 404}, report.Statuses())
	assert.False(t, report.Accepted())
}

func TestSenderDelaysAfterSigning(t *testing.T) {
	t.Parallel()
	box := &inbox{statuses: []int{200}}
	clock := identkittest.NewClock(time.Unix(1_000_000, 0))
	sender := &webhooktest.Sender{Handler: box, Sign: webhooktest.SignStandard(key), Clock: clock}
	report, err := sender.Send(t.Context(), webhooktest.Message{Delay: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, []string{"1000000"}, box.stamps)
	assert.Equal(t, time.Unix(1_000_060, 0), report.Attempts[0].Time)
}

func TestSenderReportsTransportErrors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	sender := &webhooktest.Sender{URL: server.URL, Sign: webhooktest.Unsigned(), Attempts: 2}
	report, err := sender.Send(t.Context(), webhooktest.Message{})
	require.NoError(t, err)
	assert.Equal(t, []int{0, 0}, report.Statuses())
	assert.Error(t, report.Attempts[0].Err)
}

func TestSenderFollowsNoRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := &inbox{statuses: []int{200}}
	target := httptest.NewServer(elsewhere)
	t.Cleanup(target.Close)
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusPermanentRedirect))
	t.Cleanup(server.Close)
	for _, client := range []*http.Client{nil, server.Client()} {
		sender := &webhooktest.Sender{URL: server.URL, Client: client, Sign: webhooktest.SignHeader("X-Api-Key", "k"), Attempts: 1}
		report, err := sender.Send(t.Context(), webhooktest.Message{})
		require.NoError(t, err)
		assert.Equal(t, []int{308}, report.Statuses())
		assert.False(t, report.Accepted())
	}
	assert.Empty(t, elsewhere.bodies)
}

func TestSenderNeedsATargetAndASigner(t *testing.T) {
	t.Parallel()
	bad := errors.New("no key")
	for _, s := range []*webhooktest.Sender{
		{Sign: webhooktest.Unsigned()},
		{URL: "http://example.test"},
		{Handler: &inbox{statuses: []int{200}}, Sign: func(*webhooktest.Outgoing) error { return bad }},
		{URL: "::", Sign: webhooktest.Unsigned()},
	} {
		_, err := s.Send(t.Context(), webhooktest.Message{})
		require.Error(t, err)
		_, err = s.SendAll(t.Context(), webhooktest.Message{})
		require.Error(t, err)
		_, err = s.SendConcurrently(t.Context(), webhooktest.Message{}, 2)
		require.Error(t, err)
	}
}

func TestShuffleDependsOnTheSeedAlone(t *testing.T) {
	t.Parallel()
	box := &inbox{statuses: []int{200}}
	sender := &webhooktest.Sender{Handler: box, Sign: webhooktest.Unsigned()}
	var messages []webhooktest.Message
	for _, body := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		messages = append(messages, webhooktest.Message{Body: []byte(body)})
	}
	for range 2 {
		_, err := sender.SendAll(context.Background(), webhooktest.Shuffle(7, messages...)...)
		require.NoError(t, err)
	}
	assert.Equal(t, box.bodies[:8], box.bodies[8:])
	assert.False(t, slices.IsSorted(box.bodies[:8]))
	assert.ElementsMatch(t, []string{"1", "2", "3", "4", "5", "6", "7", "8"}, box.bodies[:8])
}
