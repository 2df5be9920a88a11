// Package ipvs serves virtual servers by the kernel's IP Virtual Server, which
// is spoken to over generic netlink (linux/ip_vs.h).
//
// An Engine touches what a table wants and what it has put there itself, and
// nothing else: services and destinations of others stay, and so does what
// others have changed, until the table wants something else there.
package ipvs
