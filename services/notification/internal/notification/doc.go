// Package notification holds the rules of telling people things.
//
// # Model
//
// A message has a kind ([Kind]), a receiver (a user, or an address without an
// account) and the data of the kind's template. It comes as work from the queue
// "notifications": other services put it there, the administrator's send does,
// and so do the events of other services that people are told of.
//
// Accepting a message writes, in one transaction, the notification, the frame of
// the user's stream and a delivery for each mail and push device, as preferences,
// limits and suppressions say. Then the deliveries go out:
//
//	delivery:  pending ──lease──▶ sending ──sent──▶ sent
//	           held ──quiet hours over, digest due──▶ sending
//	           sending ──may pass──▶ pending (the queue tries again), held
//	           sending ──never──▶ failed         (nothing to send) ──▶ skipped
//
// # Invariants
//
//   - Two messages of one key to one receiver are one.
//   - A delivery that was recorded as sent is never sent again; between sending and
//     recording a crash can make a second mail, which has the same Message-ID.
//   - What concerns the safety of an account is neither switched off nor held back.
//   - A dead address gets no mail, a dead token no push message.
//   - seq of a user's stream has no gaps, and what has a lower seq was committed
//     before: who asks for what comes after a seq misses nothing.
//   - A secret in a message's data (the link of a password reset) is stored nowhere;
//     a message that waits is stored sealed, and holds no such link.
package notification
