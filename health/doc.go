// Package health decides whether this node may hold a virtual address: it asks
// its own HTTP through a real socket, as a client would, and counts what comes
// of it.
package health
