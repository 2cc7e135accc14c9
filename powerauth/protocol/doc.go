// Package protocol reads and writes the texts that pass between phones, screens and a PowerAuth deployment. It needs no client,
// no credentials and no network; package powerauth makes the calls.
//
// # Registering a device
//
// [NormalizeActivationCode] corrects and checks what a user typed, [ParseActivationCode] checks a code as it is. [ParseActivationQR]
// reads the text of the QR code, [ActivationQR.Verify] verifies its signature with the application's key ([ParsePublicKey]), and
// [ActivationQR.Text] writes a code and its signature as one text. [Fingerprint] is the number that phone and backend compare.
//
// # Requests of phones
//
// [ParseAuthorizationHeader] and [ParseTokenHeader] read the headers that authenticate a phone's request, [Factors] are the factors
// they name. Reading is not verifying: only the deployment can do that, by powerauth.Protect, powerauth.ProtectToken or the calls
// behind them. [SignatureBaseString] and [CanonicalQuery] build what a phone signs, to find out why a signature does not match.
//
// # Operations
//
// [ParseOperationData] parses what the user signs, [OperationData.Encode] writes what a backend expects. [ProximityDeeplink] is the
// link or QR code that opens an operation on a phone in front of the screen. For phones without a network, [ParseOfflineQR] reads the
// QR text, [OfflineQR.Verify] verifies it, and [NormalizeOfflineOTP] puts the code that a user typed into the form that the provider expects.
//
// # Applications
//
// [ParseMobileSDKConfig] decodes the one text that an app is configured with.
//
// # Errors
//
// Each format has one error value, such as [ErrOfflineQR], to be compared by errors.Is; an error wraps it and says which part is at
// fault. Error texts never repeat the input. Every parser bounds the length of its input.
//
// Package powerauthtest writes what only phones and deployments write: headers, offline QR texts, configurations.
package protocol
