// Package nginxconf is the language of nginx.conf: reading it byte for byte
// as nginx does, and the machinery of directive tables with which the features
// of the server say what they accept.
//
// [Read] turns a configuration file and everything it includes into a [Tree]
// of directives, each with its position. [Table.Bind] walks the tree, makes
// the checks that every directive needs (known, allowed here, number of
// arguments, block or not) once and in nginx's words, and calls the setter
// that stands in the table next to the feature. Neither stops at the first
// mistake: both return all of them.
//
// The parse functions, typed setters and [Value] cover what nginx calls
// configuration slots: units, duplicates and inheritance between levels.
package nginxconf
