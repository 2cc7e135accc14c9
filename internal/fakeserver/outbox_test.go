package fakeserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/webhook/webhooktest"
)

const target = "notes.Hook"

// hooks is a fake that sends webhooks, and what their receiver got: id and body.
func hooks(config fakeserver.Deliveries, statuses ...int) (*fakeserver.Server, *fakeserver.Receiver, *[]string) {
	var got []string
	to := &fakeserver.Receiver{
		Attempts: 2, Backoff: func(n int) time.Duration { return time.Duration(n) * time.Minute }, Sign: webhooktest.SignBearer("canary-token"),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.Header.Get("Webhook-Id")+" "+string(body))
			if len(got) <= len(statuses) {
				w.WriteHeader(statuses[len(got)-1])
			}
		}),
	}
	config.Target = target
	return fakeserver.New(fakeserver.Config{Clock: identkittest.NewClock(time.Unix(1_700_000_000, 0)), Deliveries: config, Secrets: []string{"otp"}}), to, &got
}

func note(to *fakeserver.Receiver, id string) fakeserver.Outgoing {
	return fakeserver.Outgoing{
		ID: id, To: to,
		Body:   func(attempt int) []byte { return []byte(`{"n":` + strconv.Itoa(attempt) + `,"otp":"canary-otp"}`) },
		Header: func(id string) http.Header { return http.Header{"Webhook-Id": {id}} },
	}
}

func TestDeliveriesAreRetriedOnTheFakesClock(t *testing.T) {
	t.Parallel()
	s, to, got := hooks(fakeserver.Deliveries{}, 500, 200, 500, 500)
	s.Send(note(to, "a"))
	deliver := func() []identkittest.Delivery {
		made, err := s.Deliver(t.Context())
		require.NoError(t, err)
		return made
	}
	first := deliver()
	require.Len(t, first, 1)
	assert.True(t, first[0].Pending)
	assert.Empty(t, deliver(), "not due yet")
	assert.Equal(t, 1, s.PendingDeliveries())
	s.Clock().Advance(time.Minute)
	assert.True(t, deliver()[0].Delivered)

	s.Send(note(to, "b"))
	deliver()
	s.Clock().Advance(time.Minute)
	last := deliver()[0]
	assert.False(t, last.Delivered || last.Pending, "dropped after the last attempt")
	assert.Equal(t, 2, last.Attempt)
	assert.Equal(t, []string{`a {"n":1,"otp":"canary-otp"}`, `a {"n":2,"otp":"canary-otp"}`, `b {"n":1,"otp":"canary-otp"}`, `b {"n":2,"otp":"canary-otp"}`}, *got)

	require.NoError(t, s.Redeliver("b"))
	assert.Equal(t, 3, deliver()[0].Attempt)
	assert.Equal(t, `b {"n":3,"otp":"canary-otp"}`, (*got)[4], "under the same id")
	require.ErrorContains(t, s.Redeliver("c"), `no webhook or callback "c"`)
	require.Error(t, fakeserver.New(fakeserver.Config{}).Redeliver("a"))
	assert.Len(t, s.Deliveries(), 5)
}

func TestDeliveriesAreRepeatedReorderedAndLost(t *testing.T) {
	t.Parallel()
	s, to, got := hooks(fakeserver.Deliveries{})
	to.Attempts = 1
	s.Fault(
		identkittest.On(target).Nth(1).Reorder(), identkittest.On(target).Nth(2).DuplicateDelivery(),
		identkittest.On(target).Nth(3).Refuse(), identkittest.On(target).Nth(4).LoseResponse(), identkittest.On(target).Nth(5).Status(503),
	)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		s.Send(note(to, id))
	}
	made, err := s.Deliver(t.Context())
	require.NoError(t, err)
	var ids []string
	for _, d := range made {
		ids = append(ids, d.ID)
	}
	assert.Equal(t, []string{"b", "b", "a", "c", "d", "e"}, ids)
	assert.True(t, made[1].Repeated)
	assert.Len(t, *got, 4, "b, b, a and d arrive")
	require.ErrorContains(t, made[4].Err, "failed by a fault rule")
	assert.Equal(t, 503, made[5].Status)

	made, err = s.Server.Deliver(t.Context())
	require.NoError(t, err)
	assert.Empty(t, made)
}

func TestDeliveriesAreDroppedAfterTooManyFailures(t *testing.T) {
	t.Parallel()
	s, to, got := hooks(fakeserver.Deliveries{}, 500, 500)
	to.Attempts, to.BreakerFailures, to.BreakerPause = 1, 2, time.Hour
	for _, id := range []string{"a", "b", "c"} {
		s.Send(note(to, id))
	}
	made, err := s.Deliver(t.Context())
	require.NoError(t, err)
	require.ErrorContains(t, made[2].Err, "too many failures")
	assert.Len(t, *got, 2)
	s.Clock().Advance(time.Hour)
	require.NoError(t, s.Redeliver("c"))
	made, err = s.Deliver(t.Context())
	require.NoError(t, err)
	assert.True(t, made[0].Delivered)
}

func TestDeliveriesGoByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, to, got := hooks(fakeserver.Deliveries{Auto: true}, 500)
		s.Send(note(to, "a"))
		synctest.Wait()
		assert.Len(t, *got, 1)
		s.Clock().Advance(time.Minute)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Len(t, *got, 2, "looked for what has fallen due")
		s.Close()
		s.Close()
	})
}

func TestDeliveriesMaskTheirSecrets(t *testing.T) {
	t.Parallel()
	s, to, _ := hooks(fakeserver.Deliveries{Accepted: func(status int) bool { return status == 200 }})
	s.Send(note(to, "a"))
	to.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") })
	made, err := s.Server.Deliver(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "Bearer canary-token", made[0].Header.Get("Authorization"))
	text, err := json.Marshal(made)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"body":{"n":1,"otp":"[secret]"}`)
	assert.Contains(t, string(text), "receiver panicked")
	lc := identkittest.NewLeakCheck(t)
	lc.Seed("token", "canary-token")
	lc.Seed("otp", "canary-otp")
	lc.Value(made[0])
	lc.Value(s.Server.Deliveries())
}
