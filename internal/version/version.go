// Package version says which tandem this is.
package version

// Tandem is tandem's own version.
const Tandem = "0.1.0"
