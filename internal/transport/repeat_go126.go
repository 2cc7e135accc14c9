//go:build !go1.27

package transport

// net/http repeats a request without a body also when its stream was reset with PROTOCOL_ERROR.
const http2RepeatsOnlyUnprocessed = false
