//go:build race

package wire

// raceDetector says that memory is not what it is otherwise.
const raceDetector = true
