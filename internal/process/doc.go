// Package process is what a program does as a process of a system: its pid file,
// its life as a daemon, its network namespace, its limits and its memory. It
// knows no configuration.
package process
