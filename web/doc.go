// Package web is the HTTP server: servers, locations, phases, variables and
// responses, as nginx has them. A request runs through the phases, in which
// modules have handlers; the response passes the modules' filters on its way
// out.
//
// Features are modules, given to the server as one ordered list: see Module.
// Package web knows none of them. The versions of HTTP are features, too: see
// Protocol for what one is, and Carrier for what a request needs of it.
package web
