package h2

// endedStreams remembers the streams that ended last. What still comes on one
// that this side has reset is nobody's fault; on one that the peer had ended
// itself it is.
type endedStreams struct {
	ids  [rememberEnded]uint32 // the lowest bit of what is kept: complete
	next int
}

const rememberEnded = 64

// add remembers a stream; complete: the peer had ended it, or has reset it.
func (e *endedStreams) add(id uint32, complete bool) {
	v := id << 1
	if complete {
		v |= 1
	}
	e.ids[e.next%rememberEnded] = v
	e.next++
}

func (e *endedStreams) find(id uint32) (known, complete bool) {
	for _, v := range e.ids {
		if v>>1 == id && v != 0 {
			known, complete = true, complete || v&1 != 0
		}
	}
	return known, complete
}
