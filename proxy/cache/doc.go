// Package cache is the response cache: what proxy_cache and the directives like
// it say, what is kept of answers and for how long, and a request's way to an
// entry. Below it are the format of the files (entry), what a keys_zone remembers
// (index), and the folder (volume).
//
// It knows no protocol and no back end: package exchange asks it first, and lets
// it see what a back end has answered.
package cache
