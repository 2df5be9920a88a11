//go:build race

package vrrptest

const raceEnabled = true
