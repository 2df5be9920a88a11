// Package murmur2 is the hash function MurmurHash2 of Austin Appleby with seed
// 0, which nginx divides clients by.
package murmur2

import "encoding/binary"

const m = 0x5bd1e995

// Sum32 returns the hash of data.
func Sum32(data []byte) uint32 {
	h := uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		k = (k ^ k>>24) * m
		h = h*m ^ k
	}
	if len(data) > 0 {
		for i, c := range data {
			h ^= uint32(c) << (8 * i)
		}
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
