//go:build !race

package static_test

const raceDetector = false
