// Package race tells tests whether the race detector is at work: memory is not
// what it is otherwise then, and everything takes longer.
package race
