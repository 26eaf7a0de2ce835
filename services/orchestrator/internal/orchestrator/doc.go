// Package orchestrator runs sagas: work that several services do together, step by
// step, each step retried and, when one fails for good, what was done undone in
// reverse order (Garcia-Molina and Salem, Sagas, SIGMOD 1987).
//
// Durable execution is River's: claiming, polling, rescuing jobs whose worker died,
// scheduling. What River has not is here: the state machine, compensation, waiting
// for events, and the fence.
//
//	         ┌────────────── event ───────────────┐
//	         ▼                                    │
//	running ─┬─ step wants events ─────────▶ waiting ── time is up ──▶ running
//	         ├─ last step done ────────────▶ completed
//	         ├─ failed for good, forward ──▶ failed ── retry ──▶ running
//	         └─ failed for good, cancelled ▶ compensating ─┬─▶ compensated
//	                                                       └─▶ failed ── retry ──▶ compensating
//
// Invariants:
//
//   - A transition, its row in workflow_events, the messages it sends and the next
//     job are one transaction.
//   - A worker claims a workflow by taking a new fence, and its transition counts
//     only under the fence that it took: a worker that froze, and whose job River
//     gave to another, changes nothing when it wakes.
//   - Steps are done at least once, so what they ask of other services is
//     idempotent: by its nature, or by Run.Key.
//   - An event counts whether it comes before, while or after a step begins to wait
//     for it: events are kept as signals, and waiting looks there first.
//   - A workflow follows the version of its definition that it began with.
package orchestrator
