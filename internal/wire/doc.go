// Package wire reads and writes the JSON of providers: strict about shape, tolerant about content.
//
// Strict: exact member names, no duplicate members at any depth, one value and nothing after it, UTF-8 only. A byte order mark
// in front is skipped. Errors say what is wrong and where, and never quote the text.
//
// Tolerant: the plain types string, bool, the integers, time.Time and []string decide nothing, so a value of another JSON type is
// converted where its meaning is plain, and else leaves them empty. Named types, such as identifiers and statuses, are read
// strictly: they decide.
package wire
