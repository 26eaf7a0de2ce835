// Package analytics counts what happened and says what came of it.
//
// # Events
//
// An event is stored once: its id and time are its identity, so what is delivered
// or sent again is found there. Events of services come from the queue analytics
// and keep only the properties of an allow-list (events.go), since others may be
// personal; events of clients come over HTTP, with "client." before their type,
// so that they cannot be taken for a service's.
//
// # Figures
//
//   - metrics: counts by hour and day, of each user and of all. An hour is counted
//     when it is over, and counted anew when events of it come late; what is younger
//     is read from the events themselves.
//   - applications and jobs: projections of the events about them. Events may come
//     in any order: the newest decides a state, the earliest of a kind its time.
//   - the running hour: counters in Redis, or the events when Redis is away.
//
// A share is given with its 95 % interval (Wilson, Probable inference, the law of
// succession, and statistical inference, JASA 1927), and versions of a resume are
// only ranked where the intervals do not overlap.
package analytics
