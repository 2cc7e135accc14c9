// Package wire holds JSON scalars that read what providers really send: times as epoch milliseconds or
// ISO texts, booleans that must be booleans, values that come alone or in a list.
package wire
