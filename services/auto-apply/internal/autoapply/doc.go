// Package autoapply sends applications for users, each once.
//
// # Applications
//
// What happens to an application is an event in application_history; the row in
// applications is what the events add up to ([Service.Rebuild] makes it again).
//
//	queued ─► preparing ─► filling ─► submitting ─► submitted | unconfirmed
//	   ▲                      │            └► needs_answers, needs_captcha, failed (refused by the form, not sent)
//	   │                      ├► needs_answers ─► queued        answers given
//	   └──────────────────────┼► needs_review ──► queued        approved (or withdrawn)
//	                          ├► needs_captcha
//	                          └► closed | failed
//
// Before it is sent, an application can be cancelled or withdrawn. Afterwards its
// user says what became of it: in_review, interview, offer, rejected, hired.
//
// # Never twice
//
// One row for a user and a job. A worker takes an application by raising its
// attempt, and changes it only while the attempt is its own; so of two workers with
// one application only the later one can go on. The mark submitting is written
// before the button is pressed: an application found in it, its worker gone, may
// have been sent, becomes unconfirmed, and is never sent again.
package autoapply
