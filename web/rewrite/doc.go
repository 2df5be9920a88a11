// Package rewrite is nginx's rewrite module: rewrite, return, set, if and
// break, with rewrite_log and uninitialized_variable_warn.
//
// The directives of a server or location become a list of instructions that is
// run in order: the server's once before the location is looked for, then the
// location's, again for each location that a changed path leads to. An if
// block holds instructions of its own and, in a location, settings that take
// the place of the location's when the condition is true.
package rewrite
