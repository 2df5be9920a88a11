// Package static answers requests with files: the handler of files itself,
// index, autoindex, try_files, random_index and empty_gif, as nginx has them.
//
// Every feature is a module of its own; see web.Module.
package static
