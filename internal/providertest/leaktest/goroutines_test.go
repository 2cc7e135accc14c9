package leaktest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit/internal/providertest/leaktest"
)

// watchedTB is a test that notes its failures instead of failing.
type watchedTB struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (w *watchedTB) Helper()          {}
func (w *watchedTB) Name() string     { return "TestWatched" }
func (w *watchedTB) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }

func (w *watchedTB) Errorf(format string, args ...any) {
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

// end runs the cleanups and returns all failures.
func (w *watchedTB) end() []string {
	for _, f := range w.cleanups {
		f()
	}
	return w.failures
}

func TestCheckFindsWhatIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // so that its patience costs no time
		tb := &watchedTB{}
		leaktest.Check(tb)
		release := make(chan struct{})
		go func() {
			go func() { <-release }() // started by what the test started
		}()
		failures := strings.Join(tb.end(), "\n")
		assert.Contains(t, failures, "goroutines left behind")
		assert.Contains(t, failures, "TestCheckFindsWhatIsLeftBehind")
		close(release)
	})
}

func TestCheckWaitsForGoroutinesThatAreEnding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tb := &watchedTB{}
		leaktest.Check(tb)
		go func() { <-time.NewTimer(2 * time.Second).C }()
		assert.Empty(t, tb.end())
	})
}

func TestCheckPassesOverOtherTests(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	go func() { <-release }()
	tb := &watchedTB{}
	leaktest.Check(tb)
	done := make(chan struct{})
	go close(done)
	<-done
	assert.Empty(t, tb.end())
}
