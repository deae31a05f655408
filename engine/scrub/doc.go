// Package scrub takes secret values out of text before it is logged, stored or
// reported. A [Scrubber] knows a set of values and finds each of them as it is,
// in base64 (standard and URL alphabet, wherever it begins inside a longer
// encoded text), escaped for a URL, and escaped for JSON, also where JSON is
// wrapped in JSON once more. Every find becomes [Mask].
//
// What it does not find: values shorter than [MinLength] bytes (they would tear
// ordinary text apart), a value that is cut in two by something that is not part
// of it (a log that wraps lines), a value that is encoded in another way (hex,
// gzip, reversed). It keeps honest programs from leaking by accident; it does
// not hold somebody who means to get a value out.
//
// Lines of a value of several lines (a private key) are values of their own if
// they are at least [minLine] bytes long, because logs come in lines.
//
// A Scrubber is immutable and safe for concurrent use. A [Writer] scrubs a
// stream: it holds back as many bytes as could be the beginning of a value, so
// a value that is split over several writes is found, too.
package scrub
