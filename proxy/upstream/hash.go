package upstream

// hashState is how far a request has come in hashing its key.
type hashState struct {
	tries  int
	rehash int
	value  uint32
}

// ringPoint is a peer's place on the ring of consistent hashing.
type ringPoint struct {
	hash   uint32
	server string
}
