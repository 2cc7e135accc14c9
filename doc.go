// Package identkit is the vocabulary shared by the provider clients of this module: how a client is
// tuned ([Options]), how a call is adjusted ([CallOption]), what a failure says ([Error] and its kinds),
// how secrets are held ([Secret]) and how calls are watched ([Observer]).
//
// The clients themselves live in packages named after their provider, each with a fake of the provider
// in the sub-package <provider>test. Start there; this package does no I/O.
package identkit
