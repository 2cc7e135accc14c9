package identkit

import "io"

// Download is a file that streams from the provider. Close it, also after a Read that failed. For observers its call ends with Close,
// with a Read that fails, or with its context.
//
// A file that is cut off, or of another length than announced, is an [*Error] at Read, never io.EOF, and again at Close;
// io.ErrUnexpectedEOF is in it. Closing it before its end is no failure. The context of the call and its [WithTimeout] bound the whole
// download; without that option [Options].Timeout bounds the time to its first byte, and from there on it must move at 16 times
// [RetryPolicy].MinRate, measured over 10 s in which a Read waits: how long the reader takes itself does not count.
type Download struct {
	io.ReadCloser
	ContentType string // as the provider gave it; not checked against the content
	Size        int64  // -1: not announced
}
