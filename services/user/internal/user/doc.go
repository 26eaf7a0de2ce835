// Package user holds who a user is and what they want: the rules and use cases of
// the user service.
//
// # Model
//
// Everything of a user hangs on one row of user_profiles, and each change begins
// by locking it: changes of one user happen one after the other, and so do the
// events that tell of them. What is read comes from one [Full] document, kept
// sealed in Redis for half an hour and dropped by every change.
//
//	registered ──▶ profile ──▶ deletion requested ──▶ deleted (tombstone, 30 days)
//
// A profile appears by auth.user.registered, or by EnsureProfile if that is
// earlier. After a deletion was requested nothing changes any more. A tombstone
// keeps late messages from bringing the user back.
//
// # Invariants
//
//   - What identifies a person is stored sealed; so are answers and proposals.
//   - Nationalities and work authorisations are only ever what the user said: no
//     proposal holds them.
//   - An answer is never made up: the bank has no defaults.
//   - A change of a proposal is decided once, and applied only to the value it was
//     proposed against, unless the user says otherwise.
//   - A skill is in a profile once: by its entry in the taxonomy, or by its name.
package user
