// Package limit bounds how often (limit_req) and how many at a time
// (limit_conn) requests with the same key are answered.
package limit
