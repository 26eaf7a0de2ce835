// Package match tells how well a resume and a job posting fit, why, and what is
// missing, for one pair and for one resume against an index of 100,000 postings.
//
// # The score
//
// A pair that breaks a hard wish (visa, least pay, places, blocked company) has
// no score but the reason. Any other has 0 to 100:
//
//		score = 100 · level · (.50 skills + .25 title + .25 text)
//
//	  - skills: the share of what the posting asks for that the resume has, by
//	    weight. A required skill weighs 1, one that the text mentions .7, an
//	    optional one .4, times .3 for soft skills and up to 1 for technical ones.
//	    The resume has it wholly if it names it, .8 if it implies it (Next.js →
//	    React), .3 if it names something close (MySQL for PostgreSQL).
//	  - title: 1 for the same occupation by the dictionary, else the cosine of the
//	    titles without their level, above [titleFloor].
//	  - text: BM25 and cosine of whole texts, .7 and .3, each brought to 0–1.
//	    Static vectors alone are weaker than BM25 on documents, and the two
//	    together are better than either (services/ai/README.md has the figures).
//	  - level: 1 at the same seniority, less for each step between; a posting above
//	    the resume costs more than one below.
//
// Parts that cannot be known (a posting without skills, a resume without title)
// leave their weight to the others. Place and pay are no part of the score: they
// are wishes, which hold or not, and are reported apart.
//
// BM25 is that of Robertson & Zaragoza, The Probabilistic Relevance Framework:
// BM25 and Beyond, FnTIR 3(4), 2009, https://doi.org/10.1561/1500000019, with k1
// = 1.2, b = .75, k3 = 8 for the long query that a resume is, and the idf that
// never is negative, ln(1 + (N−n+½)/(n+½)). It is divided by the most that any
// document could have, so that a pair has the same score in any company; the
// linear scale to 0–1 is fixed for the same reason, where min-max over the
// candidates would let a score depend on the others.
//
// # The index
//
// [Index] keeps no text: of a posting its skills in inverted lists, an 8-bit
// vector of its text and one of its title (shared by equal titles), at most
// [maxTerms] hashed terms, and the facts that hard wishes need; about 1 KB. A
// search adds up skills over the lists and nearness of occupation, keeps the best
// [candidates] that hold the hard wishes, and scores those exactly. Texts are
// quoted by [Index.Explain], which is given them again.
package match
