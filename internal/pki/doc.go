// Package pki reads what OpenSSL's users keep in files and strings and Go's TLS
// does not: encrypted private keys, cipher lists, revocation lists, and
// verification with OpenSSL's rules and words.
package pki
