// Package auth holds the rules of accounts, sessions and credentials.
//
// # Model
//
// An account ([Account]) has an e-mail address and any of: a password, passkeys,
// linked providers. A sign-in makes a session; a session is a family of refresh
// tokens of which the newest alone is good, and lends access tokens that live 15
// minutes. An account may add a second factor (TOTP with recovery codes), asked
// for after a password or a provider; a passkey that verified its user is both.
//
//	account:   unverified ──verify──▶ active ⇄ disabled        any ──delete──▶ gone
//	session:   live ──logout, reuse, password change, disable, expiry──▶ ended
//	refresh:   fresh ──use──▶ spent ──use──▶ the session ends
//	challenge: open ──right code──▶ session      open ──5 wrong codes, 5 min──▶ gone
//
// # Invariants
//
//   - A refresh token has at most one successor; using a spent one ends the session.
//   - Whatever ends a session writes a revocation in the same transaction and
//     pushes it to Redis before answering, so its access tokens are refused
//     everywhere at once; what could not be pushed is pushed within a second of
//     Redis being back.
//   - A one-time token, TOTP code, recovery code or reset link works once, also in
//     a race: each is consumed by a single conditional statement.
//   - To a stranger an unknown address, a wrong password, a delayed account and an
//     unverified account with a wrong password are the same: status, text, time.
//   - Failed sign-ins delay the next, but never for more than 15 minutes, and
//     never from a network where the account's owner signed in lately.
//   - Every sensitive operation is in the audit trail, in its own transaction.
//   - Every change that others must know is an event in the same transaction.
package auth
