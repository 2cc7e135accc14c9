package webhooktest

import "time"

// Clock gives a [Sender] its time. An *identkittest.Clock is one whose Sleep moves it and returns at once.
type Clock interface {
	Now() time.Time
	// Sleep returns when d has passed on this clock.
	Sleep(d time.Duration)
}
