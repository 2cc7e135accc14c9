// Package leaktest finds goroutines that a test leaves behind.
package leaktest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

const (
	goroutineLabel = "leaktest.goroutines"
	// goroutinePatience is how long goroutines may take to end.
	goroutinePatience = 5 * time.Second
)

// Check fails the test when a goroutine that it started, directly or through what it started, is still there
// at its end. Call it first, on the test's own goroutine: Cleanups registered later run before the check. Goroutines get a few
// seconds to end.
//
// Goroutines are distinguished by a profiler label, which they inherit from the one that started them. So tests may run in
// parallel, and goroutines of other tests do not count; the check does replace labels the test's goroutine had. Idle connections of
// an *http.Transport are goroutines: close them (CloseIdleConnections) before the test ends. Goroutines made by timers
// (time.AfterFunc) bear no label and are not seen.
func Check(t testing.TB) {
	t.Helper()
	unique := new(int)
	id := fmt.Sprintf("%s %p", t.Name(), unique)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(goroutineLabel, id)))
	t.Cleanup(func() {
		t.Helper()
		pprof.SetGoroutineLabels(context.Background())
		left := awaitGoroutines(id)
		runtime.KeepAlive(unique)
		if len(left) > 0 {
			t.Errorf("leaktest: goroutines left behind (each group begins with their number):\n\n%s", strings.Join(left, "\n\n"))
		}
	})
}

// awaitGoroutines waits until no goroutine bears the label, and returns the stacks of those that stay.
func awaitGoroutines(id string) []string {
	deadline := time.Now().Add(goroutinePatience)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		runtime.Gosched()
		left := labelled(id)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		<-time.NewTimer(wait).C
	}
}

// labelled returns the stacks of the goroutines that bear the label, equal ones in one group.
func labelled(id string) []string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return []string{"the goroutine profile cannot be read: " + err.Error()}
	}
	label := fmt.Sprintf("%q:%q", goroutineLabel, id)
	var found []string
	for _, group := range strings.Split(profile.String(), "\n\n") {
		if strings.Contains(group, label) {
			found = append(found, group)
		}
	}
	return found
}
