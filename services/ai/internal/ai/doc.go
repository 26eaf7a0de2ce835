// Package ai reads resumes and postings, compares them, and writes what follows
// from both.
//
// A task is asked of engines in a configured order until one answers: providers
// over the network ([LLM]) and the built-in engine ([Builtin]), which needs no
// network and no key. Whatever answers is not believed:
//
//	request → passages → engine 1 ── fails, circuit open, budget spent ──┐
//	                       │ answer                                       ▼
//	                       ▼                                          engine 2 …
//	                     check ── form, sources, facts ── refused ────────┘
//	                       │ kept statements
//	                       ▼
//	                     answer with its sources
//
// Invariants, checked in code for every engine, the built-in one included:
//
//   - a statement about the applicant names no number, skill, employer, title,
//     degree or date that the resume does not have ([facts]);
//   - every source is a passage of the request, word for word;
//   - text of resumes and postings is data. Passages that speak to a machine are
//     kept from providers and never repeated ([instructs]);
//   - an answer to a question of a form is null rather than a guess, and of the
//     options given always one.
//
// Paid engines cost a budget that each user has for a day, kept in Postgres: a
// call takes its estimate before it begins, so that calls at once cannot exceed
// the limit together, and corrects it when it ends. Their answers are kept,
// sealed, by a hash of all that went in. What was said is in no log and no audit
// row.
package ai
