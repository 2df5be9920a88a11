//go:build race

package http1

// raceDetector says that memory is not what it is otherwise.
const raceDetector = true
