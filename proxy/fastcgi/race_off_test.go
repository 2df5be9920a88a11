//go:build !race

package fastcgi_test

const raceDetector = false
