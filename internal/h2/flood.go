package h2

import "time"

// flood counts what a peer does without work of its own, in the last second and
// altogether. Each limit is far above what any client does; past it the
// connection ends with ENHANCE_YOUR_CALM.
type flood struct {
	second  int64 // which idle and resets are of
	idle    int   // frames that nothing came of: PING, SETTINGS, empty DATA, windows of a few bytes, unknown ones
	resets  int   // streams that were reset, by the peer or for what it did
	refused int   // streams that there was no room for
	batch   int   // streams opened since all that had come was read
	frames  int
}

// The limits, a second. An idle frame costs some 100 ns here and 17 bytes there;
// a reset stream costs a request.
const (
	maxIdle   = 10000
	maxResets = 500
)

// smallCredit is how many bytes a WINDOW_UPDATE is to allow at least to be of use.
const smallCredit = 64

// floodCheck is how many frames are let pass between looks at the clock.
const floodCheck = 256

// checkFlood says whether it has been too much.
func (c *Conn) checkFlood() error {
	w := &c.work
	if w.frames++; w.frames%floodCheck != 0 && w.idle <= maxIdle && w.resets <= maxResets {
		return nil
	}
	if w.resets > maxResets || w.idle > maxIdle {
		if now := time.Now().Unix(); now != w.second {
			w.second, w.idle, w.resets = now, 0, 0
		}
	}
	if w.resets > maxResets {
		return connectionError(EnhanceYourCalm, "%s reset too many streams", c.peer())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.idle > maxIdle || c.received/8 > c.payload+c.sent+1<<20 {
		return connectionError(EnhanceYourCalm, "http2 flood detected")
	}
	return c.dead
}
