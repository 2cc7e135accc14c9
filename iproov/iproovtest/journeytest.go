package iproovtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit/iproov"
)

// JourneyStore is where a team keeps its journeys.
type JourneyStore struct {
	// Save is the one that iproov.Journeys gets.
	Save func(context.Context, *iproov.Journey) error
	// Load returns the journey of a key.
	Load func(ctx context.Context, key string) (*iproov.Journey, error)
	// Insert stores a journey with revision 0. Nil: Save inserts it with revision 1.
	Insert func(context.Context, *iproov.Journey) error
}

// RunJourneyTests checks the rules of a Save, see [iproov.Journey]. Run it on the database of production, with a table that may keep
// the journeys of the tests: their ids are random.
func RunJourneyTests(t *testing.T, store JourneyStore) {
	t.Helper()
	for _, rule := range journeyRules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			if err := rule.check(t.Context(), store); err != nil {
				t.Error(err)
			}
		})
	}
}

// journey is an inserted journey.
func (s JourneyStore) journey(ctx context.Context, id string) (*iproov.Journey, error) {
	j := &iproov.Journey{ID: id, UserID: iproov.NewUserID(), Purpose: "log in/out", Mode: iproov.JourneyVerify, MaxAttempts: 5}
	if s.Insert != nil {
		if err := s.Insert(ctx, j); err != nil {
			return nil, fmt.Errorf("insert: %w", err)
		}
	}
	return j, nil
}

// next is the journey as one more attempt leaves it.
func next(j *iproov.Journey) *iproov.Journey {
	moved := *j
	at := time.Now().UTC().Round(0)
	moved.Attempts = append(slices.Clone(j.Attempts), iproov.JourneyAttempt{
		Type: iproov.TypeVerify, Token: iproov.ClaimToken(random(claimLength)), Started: at, StartBefore: at.Add(iproov.ClaimWindow),
		Finishing: iproov.Finishing{At: at, By: "a test"}, Ended: at, Outcome: iproov.OutcomeFailed, Reason: `"Eyes" <closed> ’`,
		Result: json.RawMessage(`{"passed":false,"token":"t","reason":"’"}`),
	})
	moved.Revision++
	return &moved
}

// holds checks what is stored.
func (s JourneyStore) holds(ctx context.Context, want *iproov.Journey) error {
	got, err := s.Load(ctx, want.Key())
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if !reflect.DeepEqual(value(got), value(want)) {
		return errors.New("load: the journey is not as it was saved")
	}
	return nil
}

// value is a journey without what JSON leaves open: blanks, and the order of members.
func value(j *iproov.Journey) (v any) {
	if b, err := json.Marshal(j); err == nil {
		_ = json.Unmarshal(b, &v)
	}
	return v
}

// refuses checks that a revision does not fit, and changes nothing.
func (s JourneyStore) refuses(ctx context.Context, wrong, stored *iproov.Journey) error {
	if err := s.Save(ctx, wrong); !errors.Is(err, iproov.ErrRevision) {
		return fmt.Errorf("save of revision %d over %d: got error %w, want ErrRevision", wrong.Revision, stored.Revision, err)
	}
	return s.holds(ctx, stored)
}

var journeyRules = []struct {
	name  string
	check func(context.Context, JourneyStore) error
}{
	{"a journey is loaded as it was saved", func(ctx context.Context, s JourneyStore) error {
		j, err := s.journey(ctx, rand.Text())
		for range 3 {
			if err == nil {
				j = next(j)
				err = errors.Join(s.Save(ctx, j), s.holds(ctx, j))
			}
		}
		return err
	}},
	{"another revision is refused", func(ctx context.Context, s JourneyStore) error {
		j, err := s.journey(ctx, rand.Text())
		if err != nil {
			return err
		}
		first := next(j)
		second := next(first)
		if err = errors.Join(s.Save(ctx, first), s.Save(ctx, second)); err != nil {
			return err
		}
		ahead := next(next(second))
		return errors.Join(s.refuses(ctx, next(j), second), s.refuses(ctx, next(first), second), s.refuses(ctx, ahead, second))
	}},
	{"one of many that save at once wins", func(ctx context.Context, s JourneyStore) error {
		for range 20 {
			j, err := s.journey(ctx, rand.Text())
			if err != nil {
				return err
			}
			if err = s.race(ctx, j); err != nil {
				return err
			}
		}
		return nil
	}},
	{"ids differ in the case of a letter", func(ctx context.Context, s JourneyStore) error {
		id := rand.Text()
		a, err := s.journey(ctx, "a"+id)
		if err != nil {
			return err
		}
		b := *a
		if b.ID = "A" + id; s.Insert != nil {
			err = s.Insert(ctx, &b)
		}
		movedA, movedB := next(a), next(&b)
		return errors.Join(err, s.Save(ctx, movedA), s.Save(ctx, movedB), s.holds(ctx, movedA), s.holds(ctx, movedB))
	}},
	{"a journey is a copy", func(ctx context.Context, s JourneyStore) error {
		j, err := s.journey(ctx, rand.Text())
		if err != nil {
			return err
		}
		moved := next(j)
		want := next(j)
		want.Attempts[0] = moved.Attempts[0]
		if err = s.Save(ctx, moved); err != nil {
			return err
		}
		moved.Attempts[0].Outcome = iproov.OutcomePassed
		if loaded, err := s.Load(ctx, j.Key()); err == nil {
			loaded.Attempts[0].Outcome = iproov.OutcomePassed
		}
		return s.holds(ctx, want)
	}},
}

// race saves the next revision of a journey from several goroutines.
func (s JourneyStore) race(ctx context.Context, j *iproov.Journey) error {
	const savers = 8
	var all sync.WaitGroup
	moved, errs := [savers]*iproov.Journey{}, [savers]error{}
	for i := range savers {
		moved[i] = next(j)
		all.Go(func() { errs[i] = s.Save(ctx, moved[i]) })
	}
	all.Wait()
	var winner *iproov.Journey
	for i, err := range errs {
		switch {
		case err == nil && winner != nil:
			return errors.New("save: two of one revision were stored")
		case err == nil:
			winner = moved[i]
		case !errors.Is(err, iproov.ErrRevision):
			return fmt.Errorf("save: got error %w, want ErrRevision", err)
		}
	}
	if winner == nil {
		return errors.New("save: none was stored")
	}
	return s.holds(ctx, winner)
}
