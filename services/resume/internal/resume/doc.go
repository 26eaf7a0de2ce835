// Package resume is the domain of the resume service.
//
// # Model
//
// A resume has a title, a language, a template and a content, which is a JSON
// Resume. Every change of the content makes a version; versions are never changed,
// only named, and restoring one makes another. A version is a list of sections in
// their order, each with the row that holds its content: what a change does not
// touch is stored once, however many versions have it. The revision counts every
// change, of the title too, and is the ETag.
//
// A document is an uploaded file on its way to become a resume:
//
//	        ┌─────────────── small: at once ──────────────┐
//	upload ─┤                                             ├─▶ parsed
//	        └─▶ queued ─▶ processing ─┬───────────────────┘
//	                ▲                 ├─▶ failed ── the same file again ─▶ queued
//	                └── tried again ──┘
//
// The file is in the bucket before its row is, and the row before anybody is told.
//
// # Invariants
//
//   - A user with resumes has exactly one default resume.
//   - What is stored keeps the contract's limits, wherever it came from.
//   - One file of a user is one document, by the SHA-256 of its content.
//   - Contents, suggestions and file names are sealed.
//   - Of a user who was deleted, nothing is stored again.
package resume
