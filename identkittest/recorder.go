package identkittest

// recorder notes every record that a slog handler writes.
type recorder struct {
	check *LeakCheck
	where string
}

func (r recorder) Write(p []byte) (int, error) {
	r.check.note(r.where, string(p))
	return len(p), nil
}

// collected holds the output of a slog handler.
type collected []byte

func (c *collected) Write(p []byte) (int, error) {
	*c = append(*c, p...)
	return len(p), nil
}
