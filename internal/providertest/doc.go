// Package providertest proves what must hold of every operation of every provider: [Run] makes each call of a catalogue against
// the provider's fake under each fault, with each malformed response and each invalid input, and looks for what may not show.
//
// The calls are a table beside it, one for each operation, made for [PowerAuth], [IProov] and [Entrupy]. Other tests that want each call of a
// provider once use the same table: [Call.Prepare] brings a fake into the state in which the call succeeds.
package providertest
