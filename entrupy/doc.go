// Package entrupy is a client of the Entrupy partner API v2, the backend side of the authentication of luxury goods, sneakers and apparel:
// an app of the partner captures an item with Entrupy's mobile SDK, and the backend reads what Entrupy says about it.
//
//	client, err := entrupy.New(entrupy.Config{Credentials: entrupy.Token(token)})
//	a, err := client.Users.Authorize(ctx, entrupy.AuthorizeUserParams{SDKRequest: fromApp, UserID: "shop42.user-90817", Email: email})
//	// store a.Username with the user, and hand a.SignedRequest to the app; the app captures the item "inv-000731"
//	item, err := client.Authentications.WaitLookup(ctx, entrupy.WaitLookupParams{Item: "inv-000731", Since: began}, identkit.WaitPolicy{})
//	if err == nil && item.IsAuthentic() {
//		// publish the offer
//	}
//
// "authentic" is the only result that confirms an item. "unidentified" means that the item could not be confirmed and "invalid" that the
// submission could not be used: neither of them means "fake", and no predicate says so. Whether a result is settled says its member final
// alone.
//
// There is no upload: pictures are taken by the mobile SDK or by Entrupy's own app.
//
// # Before the first call
//
//	what                      where from                                     field
//	API token                 issued with the partner account                Credentials
//	id of each user           your own, stable, 8 to 40 characters           AuthorizeUserParams.UserID
//	request of the SDK        the user's app, for each session               AuthorizeUserParams.SDKRequest
//	id of each item           your own; the app names it to the SDK          WaitLookupParams.Item
//	words for brands          Configuration.Get; the app passes them on      -
//	verified domain           NewDomainVerificationHandler, the vendor       -
//	secret of a webhook       chosen by you                                  CreateWebhookParams.SecretKey
//	format of a webhook       1.4, or the v2 reference; fixed for ever       CreateWebhookParams.APIVersion
//
// # Before going live
//
//	question                                             what to do
//	Does the token work?                                 Client.Ping; never probe with Users.Authorize
//	Are names right before the first authorization?      the first call prints them on certificates for ever
//	Is Username stored with each user?                   searches by user need it
//	What happens when a final result is reversed?        Entrupy reserves 15 minutes of its business hours: wait with what cannot be undone, and
//	                                                     take back the rest when another result comes
//	What happens when a delivery never comes?            Wait, WaitLookup or a search now and then; deliveries may be lost
//	Which assumptions does the code rest on?             ASSUMPTIONS.md; a tenant can show which of them hold
//	Do all processes share the rate?                     10 requests a second: give them one Options.Limiter
//
// # What is not wrapped
//
// [Client.Call] reaches what has no documented shape, or belongs to version 1.4: its reads, certificate transfers, support messages, login
// vouchers for the app, fingerprints and MarketEdge. An [Authentication] is read from either format.
//
// What is known of the API comes from the beginnings of the vendor's pages, public code that calls it, and the interface of the mobile SDK,
// checked 2026-11; what is assumed is called so in the doc comments and listed in ASSUMPTIONS.md. Package entrupytest simulates Entrupy in
// tests.
package entrupy
