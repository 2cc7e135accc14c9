package identkit

// RetryClass is when an operation may be retried.
type RetryClass uint8

const (
	// RetryIfNotProcessed allows another attempt only if the server surely did not process the request: it was not sent, or refused
	// with 429. It is the zero value.
	RetryIfNotProcessed RetryClass = iota
	// RetrySafe allows another attempt after any transient failure: network, timeout, 429, 500, 502, 503, 504.
	RetrySafe
)

// String returns "if not processed" or "safe".
func (c RetryClass) String() string {
	if c == RetrySafe {
		return "safe"
	}
	return "if not processed"
}

// OperationInfo describes one call of a provider's API. Every provider package lists its own in Catalog.
type OperationInfo struct {
	// Name is unique in the module, such as "powerauth.Operations.Create". It names the call in errors,
	// observer values, fault rules and [Options].Paths.
	Name string
	// Method is the HTTP method.
	Method string
	// Path is the path template, such as "/v2/operations/{operationId}".
	Path string
	// Retry is when the call may be repeated.
	Retry RetryClass
}
