// Package web is the HTTP server: servers, locations, phases, variables and
// responses, as nginx has them. A connection reads requests through package
// http1; a request runs through the phases, in which modules have handlers;
// the response passes the modules' filters on its way out.
//
// Features are modules, given to the server as one ordered list: see Module.
// Package web knows none of them.
package web
