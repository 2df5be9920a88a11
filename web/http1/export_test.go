package http1

// Parked returns how many connections of the process are parked.
func Parked() int {
	parking.mu.Lock()
	defer parking.mu.Unlock()
	return len(parking.conns)
}
