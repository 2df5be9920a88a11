// Package smallfile is the content of small files in memory, which is looked at
// before it is used: what a name stands for may have changed. It serves the files
// of a site and the entries of a response cache alike.
package smallfile
