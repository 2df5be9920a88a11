// Package entry is an entry of the response cache as a file. It is laid out as
// nginx 1.31 lays it out on a machine of 64 bits (version 5 of its
// ngx_http_file_cache_header_t, in the machine's own byte order), so that a cache
// that the one has filled is warm for the other, and scripts that purge by key
// work with both:
//
//	header | "\nKEY: " key "\n" | head of the response | body
//
// It reads what others may have written, or half written, and opens no files.
package entry
