// Package secure is how connections to back ends are made: over TLS, with which
// protocols, names and certificates on either side, and from which address.
package secure
