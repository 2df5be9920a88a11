package vrrp

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// Uptime returns how long the machine has been up, 0 if it does not say.
func Uptime() time.Duration {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	word, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
