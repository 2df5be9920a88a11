package unruly

import (
	"os"
	"testing"
)

// TestMain is also the main function of back ends that are processes of their
// own.
func TestMain(m *testing.M) {
	if addr := os.Getenv(mortalAddr); addr != "" {
		runMortal(addr)
		return
	}
	os.Exit(m.Run())
}
