package peerlink

import (
	"crypto/sha256"
	"encoding/hex"
)

// Checksum is enough of a checksum to tell files and configurations apart, for
// a digest.
func Checksum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}
