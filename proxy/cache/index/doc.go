// Package index is what a keys_zone remembers of a response cache: which entries
// there are, who uses them, who brings one up to date, and which one goes next.
//
// It is pure: the time is given, files are looked at and removed by its user, and
// nothing waits. The numbers are nginx's: when an entry is worth keeping, how many
// a zone holds, what is removed when and in which order.
package index
