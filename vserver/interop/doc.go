// Package interop holds tests that run tandem and Debian's keepalived on the same
// virtual servers, each on a director of its own in a lab, and compare what the
// kernel's IPVS is told at each stage of a script of failures. They want a kernel
// with IPVS: internal/kernellab runs them on one.
package interop
