//go:build !race

package race

// Enabled: the race detector is at work.
const Enabled = false
