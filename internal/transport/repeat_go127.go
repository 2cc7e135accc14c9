//go:build go1.27

package transport

// net/http repeats a request only after REFUSED_STREAM, after a GOAWAY whose last stream is below its own, and when it was not written.
const http2RepeatsOnlyUnprocessed = true
