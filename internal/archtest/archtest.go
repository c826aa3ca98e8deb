// Package archtest keeps the import directions of this module true. Two of its
// rules are the product's claim: nothing that the server runs can reach the code
// that opens messages or media, and the core reaches no network, clock or log.
package archtest
