package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

func TestHandleFindsTheDelivery(t *testing.T) {
	t.Parallel()
	var resolved, handled *webhook.Delivery
	type trace struct{}
	h, seen, _ := counting(t, webhook.Config[string]{
		Name: "h", Verify: giving(webhook.Receipt{Scheme: "s", ID: "d-1", Sender: "vendor"}, nil),
		Resolve: func(ctx context.Context, e string) (string, error) {
			resolved = webhook.DeliveryFrom(ctx)
			return e, nil
		},
		Handle: func(ctx context.Context, _ string) error {
			handled = webhook.DeliveryFrom(ctx)
			if ctx.Value(trace{}) != "x" {
				return errors.New("the values of the request are gone")
			}
			return nil
		},
	})
	r := newPost(`"a"`, "X-Trace", "t-1")
	require.Equal(t, 200, serve(h, r.WithContext(context.WithValue(t.Context(), trace{}, "x"))).Code)
	require.NotNil(t, resolved)
	require.NotNil(t, handled)
	assert.Empty(t, resolved.Key)
	assert.Equal(t, seen.last().Key, handled.Key)
	assert.Regexp(t, `^h:vendor:[A-Za-z0-9_-]{43}$`, handled.Key)
	assert.Equal(t, "t-1", handled.Request.Header.Get("X-Trace"))
	assert.Equal(t, "d-1", handled.Receipt.ID)
	assert.Nil(t, webhook.DeliveryFrom(t.Context()))
}

func TestHandleMaySayThatItWasDoneBefore(t *testing.T) {
	t.Parallel()
	h, seen, runs := counting(t, webhook.Config[any]{
		Verify: giving(webhook.Receipt{ID: "d-1"}, nil),
		Handle: func(context.Context, any) error { return fmt.Errorf("row: %w", webhook.ErrDuplicate) },
	})
	for range 2 {
		assert.Equal(t, 200, post(h, "{}").Code)
		d := seen.last()
		assert.Equal(t, string(webhook.ReasonDuplicate), d.Reason)
		assert.Equal(t, []int{1, 0, 1, 0}, []int{d.Events, d.Handled, d.Duplicates, d.Failed})
		assert.NoError(t, d.Err)
	}
	assert.EqualValues(t, 1, runs.Load(), "it is remembered")
}

func TestHandleMayGiveUp(t *testing.T) {
	t.Parallel()
	cause := errors.New("order was deleted")
	var log bytes.Buffer
	h, seen, runs := counting(t, webhook.Config[any]{
		Verify: giving(webhook.Receipt{ID: "d-1"}, nil), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Handle: func(context.Context, any) error { return webhook.GiveUp(cause) },
	})
	assert.Equal(t, 200, post(h, "{}").Code)
	d := seen.last()
	assert.Equal(t, string(webhook.ReasonGivenUp), d.Reason)
	require.ErrorIs(t, d.Err, cause)
	assert.Equal(t, 1, d.Failed)
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "order was deleted")

	assert.Equal(t, 200, post(h, "{}").Code)
	assert.Equal(t, string(webhook.ReasonDuplicate), seen.last().Reason)
	assert.EqualValues(t, 1, runs.Load(), "it is remembered")
	require.NoError(t, webhook.GiveUp(nil))

	batch, seen, _ := counting(t, webhook.Config[int]{Decode: webhook.JSONList[int], Handle: func(_ context.Context, e int) error {
		return map[int]error{2: webhook.GiveUp(cause), 3: errors.New("down")}[e]
	}})
	assert.Equal(t, 200, post(batch, "[1,2]").Code)
	assert.Equal(t, string(webhook.ReasonGivenUp), seen.last().Reason)
	assert.Equal(t, 503, post(batch, "[2,3]").Code)
}

func TestABatchKeepsItsGoodElements(t *testing.T) {
	t.Parallel()
	var handled []int
	var keys []string
	h, seen, _ := counting(t, webhook.Config[int]{
		Decode: webhook.JSONList[int], Verify: giving(webhook.Receipt{ID: "d-1"}, nil),
		Handle: func(ctx context.Context, e int) error {
			handled, keys = append(handled, e), append(keys, webhook.DeliveryFrom(ctx).Key[len("webhook::")+43:])
			return nil
		},
	})
	assert.Equal(t, 400, post(h, `[1,"jane doe",3,null]`).Code)
	assert.Equal(t, []int{1, 3}, handled)
	assert.Equal(t, []string{"[0]", "[2]"}, keys, "keys count the bad elements too")
	d := seen.last()
	assert.Equal(t, []int{4, 2, 2}, []int{d.Events, d.Handled, d.Failed})
	assert.Equal(t, string(webhook.ReasonInvalidEvent), d.Reason)
	var batch *webhook.BatchError
	require.ErrorAs(t, d.Err, &batch)
	assert.Len(t, batch.Elements, 2)
	require.ErrorIs(t, batch.Elements[1], webhook.ErrInvalidEvent)
	assert.ErrorContains(t, d.Err, "2 elements of the batch, the first at 1")
	assert.NotContains(t, d.Err.Error(), "jane")

	assert.Equal(t, 400, post(h, `[1,"jane doe",3,null]`).Code)
	assert.Equal(t, []int{1, 3}, handled, "and the good ones are duplicates then")
	assert.Equal(t, 400, post(h, `[1,`).Code)
	assert.Zero(t, seen.last().Handled)
	assert.Equal(t, webhook.ErrInvalidEvent.Error(), (&webhook.BatchError{}).Error())
}
