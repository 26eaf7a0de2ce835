// Package job holds the rules of jobs: where they come from, when two listings are
// one job, whether a job is still open, how jobs are found and who is told of them.
//
// # Model
//
// A source is a board of a platform. Gathering reads all that it lists; each
// listing is normalised ([Listing]) and belongs to one job ([Job]), which may be
// listed in many places and shows what its primary listing says.
//
//	source:  enabled ⇄ disabled; gathered every so often, less often while it fails
//	run:     queued ──▶ running ──▶ done | failed         for each source of a gathering
//	listing: live ──twice missing, page gone──▶ not live ──listed again──▶ live
//	job:     open ──no live listing, past its date──▶ closed ──listed again──▶ open
//	         any  ──a report is upheld──▶ hidden
//
// # Invariants
//
//   - A listing is found again by its source and the source's own id, and by nothing
//     else. Listings of one source are never merged.
//   - A merge loses nothing: each listing keeps its content, and SplitListing gives
//     it a job of its own again, for good.
//   - A job is closed only when every listing of it is gone. A listing that is
//     missing once may be the source's fault; missing from two complete readings it
//     is gone. A reading that failed or was cut short makes nothing missing.
//   - What the search index lacks is in index_queue, written in the transaction that
//     changed the job: an engine that is away costs freshness and nothing else.
//   - A job is held against each alert once; a user is told of it once.
//   - Every text that strangers wrote is cleaned before it is stored.
//   - Every change that others must know is an event in the same transaction.
package job
