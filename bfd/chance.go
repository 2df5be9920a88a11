package bfd

import (
	"math/rand/v2"
	"time"
)

// chance is session.Chance.
type chance struct{ speaker *Speaker }

func (chance) Between(low, high time.Duration) time.Duration {
	return low + rand.N(high-low+1)
}

// Discriminator returns a number that cannot be guessed: who does not see packets
// cannot take part (RFC 5880 section 9).
func (c chance) Discriminator() uint32 {
	for {
		if n := rand.Uint32(); n != 0 && c.speaker.byNumber[n] == nil {
			return n
		}
	}
}
