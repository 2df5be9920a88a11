//go:build !race

package compress_test

// raced: the race detector makes pools forget.
const raced = false
