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
//	id and token of a domain  the vendor, before a webhook can be created    NewDomainVerificationHandler
//	secret of a webhook       chosen by you, 16 bytes or more                CreateWebhookParams.SecretKey, WebhookConfig.Keys
//	user of an app's request  your own session, never the app                AuthorizeConfig.User
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
//	What happens when a delivery comes late?             WebhookConfig.Client; without one store only what has a later Updated
//	What happens when a delivery comes again?            Handle is idempotent; processes share one WebhookConfig.Store and Notifier
//	Is the endpoint of deliveries given the raw body?    no proxy in front of it decompresses or writes JSON again
//	Does Entrupy reach the token of the domain?          fetch DomainVerificationPath and the id without a login: 200, text/plain, no redirect
//	Can the secret of the webhook be replaced?           both on one webhook.Keyring until Receipt.KeyID shows the new one alone
//	Who looks at items that cannot be read?              WebhookConfig.OnUnreadable, or an alert on webhook.ReasonGivenUp
//	Can somebody else be authorized?                     AuthorizeConfig.User takes nothing from the request but its session
//	What does the app do after 502, 503 and 504?         it makes a new request with its SDK, after Retry-After if there is one
//	Which assumptions does the code rest on?             ASSUMPTIONS.md; a tenant can show which of them hold
//	Do all processes share the rate?                     10 requests a second: give them one Options.Limiter
//
// # Webhooks
//
// [NewWebhookHandler] verifies deliveries, takes them apart and hands over item by item. With a Client, an item is read again first, so what
// is handed over is what Entrupy says now; what the API does not find is handed over as Gone. Items are committed one by one: an item that
// failed, or for which the time was too short, makes the response 503, and the redelivery goes on with it.
//
// An item with the same id, result, final, flag and last update was delivered before (EN-038). Without a last update, as in version 1.4,
// nothing tells a repeated delivery from a result that was reversed and restored, so it is handed over again. A client's reads have one.
//
// An item is as final as its last delivery: authentic, invalid and authentic again are three.
//
// With a [identkit.Notifier] in the client's Options, deliveries make [Authentications.Wait] and [Authentications.WaitLookup] read again at
// once. Whoever else learns of a change notifies [AuthenticationKey] and [CustomerItemKey].
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
