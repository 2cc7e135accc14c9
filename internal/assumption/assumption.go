// Package assumption lists what the SDK takes for true although no source says so, or although the vendor's documents disagree. Each
// row has a stable id, by which doc comments, error texts, the fakes and the doctor command refer to it. ASSUMPTIONS.md is written
// from these rows:
//
//	go test ./internal/assumption -update
//
// An id is never given to another assumption: a new row takes the next number of its provider, and the row of an assumption that was
// confirmed or dropped says so in its text.
package assumption

import "slices"

// Assumption is one point on which the SDK had to decide without a source.
type Assumption struct {
	// ID is two capital letters of the provider and a number, such as PA-017.
	ID string
	// Provider is the name of the provider's package, such as powerauth.
	Provider string
	// Operation is what it is about: operations by the names of the catalogue without the provider, Go names of the package, or
	// "all". The operations of a row that only the fake decides come after "fake: ".
	Operation string
	// Text is what is assumed.
	Text string
	// Change is how to do without it: a setting, another call, or "nothing to set" where every plausible form is read.
	Change string
	// Why is what the decision rests on.
	Why string
	// Check is how a deployment can be asked: one of the classes below, a colon, and what to do; or [VendorOnly].
	Check string
}

// VendorOnly is the Check of an assumption that no call can confirm or refute.
const VendorOnly = "only the vendor can say"

// The classes of a Check, by what it costs.
const (
	Probe    = "probe"    // a request with made-up values that changes nothing
	Read     = "read"     // a read of something that exists, whose id the user must give
	Mint     = "mint"     // an access token is fetched, which may end others
	Write    = "write"    // something is created on a tenant for tests, and removed where a call for that exists
	Person   = "person"   // somebody with an activated phone, a passkey or a face takes part
	Callback = "callback" // a callback has to arrive
)

// All returns every row, provider by provider, in the order of the ids.
func All() []Assumption { return slices.Concat(Of("powerauth"), Of("iproov"), Of("entrupy")) }

// row is an assumption as the tables have it: id, operation, text, change, why, check.
type row [6]string

// Of returns the rows of a provider in the order of their ids, and none for a provider without rows.
func Of(provider string) []Assumption {
	rows := map[string][]row{"powerauth": powerauth, "iproov": iproov, "entrupy": entrupy}[provider]
	all := make([]Assumption, len(rows))
	for i, r := range rows {
		all[i] = Assumption{r[0], provider, r[1], r[2], r[3], r[4], r[5]}
	}
	return all
}

// Get returns the row with an id.
func Get(id string) (Assumption, bool) {
	for _, a := range All() {
		if a.ID == id {
			return a, true
		}
	}
	return Assumption{}, false
}
