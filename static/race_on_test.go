//go:build race

package static_test

// raceDetector says that memory is not what it is otherwise.
const raceDetector = true
