//go:build race

package fastcgi_test

// raceDetector says that memory is not what it is otherwise.
const raceDetector = true
