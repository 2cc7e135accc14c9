// Package identkittest is the vocabulary shared by the fakes of this module: fault rules ([On], [Any]), the
// journal of what came in ([Journal]), the clock a fake lives by ([Clock]) and a check that no secret shows
// ([LeakCheck]).
//
// The fakes themselves live in packages named after their provider, such as powerauthtest. A fault rule reads
// as a sentence: which requests it is about, which of them it hits, and what happens to those.
//
//	srv.Fault(identkittest.On("powerauth.Operations.Create").Nth(3).HTML(502))
//	srv.Fault(identkittest.Any().Probability(0.1).Reset())
package identkittest
