// Package webhook takes the deliveries of code hosts over HTTP and has their
// events stored before it answers.
//
// # Requests
//
//	POST /                    a delivery of the default vendor
//	POST /webhooks/<vendor>   a delivery of that vendor
//	GET  /healthz             200 as long as the process answers
//	GET  /readyz              200 if and only if the store can be written, else 503;
//	                          the body also tells how engine and outbox are
//
// Anything else is 404, another method 405 with Allow. Every answer is JSON.
//
//	202  {"id":"github:…"}                                     it is on disk
//	202  {"id":"github:…","dispatched":false,"reason":"…"}     on disk, but nothing will be done
//	200  {"id":"github:…","duplicate":true}                    it was on disk already, under this id
//	200  {"id":"github:…","dispatched":false,"reason":"ping"}  a ping is answered, not stored
//	413  the body has more than MaxBody bytes (25 MiB)
//	415  not application/json in UTF-8, or compressed
//	400  without the code host's headers; the body is not a delivery; it broke off
//	401  unsigned, or not signed with a secret of ours
//	408  the body did not arrive in time
//	503  the store can't write, or too many bytes are in flight; with Retry-After
//
// The first four refusals come in this order: what is wrong first is said. They
// are {"error":"…","hint":"…"}, nothing of them is stored, and they are counted
// ([Handler.Counts]).
//
// # What is promised
//
//   - A 2xx for an event is sent only after the [Appender] said that it is on disk.
//     The reverse can't be promised: after a 503 or a lost answer the event may be
//     on disk; delivered again, it is a duplicate.
//   - The signature is checked over the raw bytes before anything of the body is
//     looked at.
//   - Every delivery is answered or cut off before GitHub gives up, after ten
//     seconds, as long as the store is not slower than StoreTime; a client that goes
//     away does not stop an event that is being stored.
//   - Bodies take at most MaxInFlight bytes of memory together; a delivery that
//     would be too much is refused at once instead of waiting. What a client only
//     announces takes none. Slow clients are cut off ([NewServer]), a body after
//     BodyTime, twice that for the largest.
//   - A stranger can't fill the log (a burst of 20 lines, then one a second, with
//     the number of those left out), nor write control characters into it.
//
// Being signed is no protection against being repeated: the signature covers
// neither the id nor the event's name. Duplicates are the store's to tell.
package webhook
