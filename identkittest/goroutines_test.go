package identkittest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit/identkittest"
)

func TestNoGoroutineLeaksFindsWhatIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // so that its patience costs no time
		tb := &watchedTB{}
		identkittest.NoGoroutineLeaks(tb)
		release := make(chan struct{})
		go func() {
			go func() { <-release }() // started by what the test started
		}()
		failures := strings.Join(tb.end(), "\n")
		assert.Contains(t, failures, "goroutines left behind")
		assert.Contains(t, failures, "TestNoGoroutineLeaksFindsWhatIsLeftBehind")
		close(release)
	})
}

func TestNoGoroutineLeaksWaitsForGoroutinesThatAreEnding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tb := &watchedTB{}
		identkittest.NoGoroutineLeaks(tb)
		go func() { <-time.NewTimer(2 * time.Second).C }()
		assert.Empty(t, tb.end())
	})
}

func TestNoGoroutineLeaksPassesOverOtherTests(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	go func() { <-release }()
	tb := &watchedTB{}
	identkittest.NoGoroutineLeaks(tb)
	done := make(chan struct{})
	go close(done)
	<-done
	assert.Empty(t, tb.end())
}
