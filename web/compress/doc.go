// Package compress is what nginx's gzip and gunzip modules do, and the well-known
// modules for Brotli and Zstandard: responses are compressed for clients that
// accept it, and unpacked for those that do not.
//
//	gzip on | off;                     brotli on | off;           zstd on | off;
//	gzip_types type ...;               brotli_types type ...;     zstd_types type ...;
//	gzip_comp_level 1..9;              brotli_comp_level 0..11;   zstd_comp_level 1..22;
//	gzip_min_length bytes;             brotli_min_length bytes;   zstd_min_length bytes;
//	gzip_proxied condition ...;        brotli_window size;
//	gzip_http_version 1.0 | 1.1;
//	gzip_disable msie6 | regex ...;    gunzip on | off;
//	gzip_vary on | off;
//
// Of the codings that are on for a response, the one that the client prefers by
// its q-values is taken; between equals zstd, then br, then gzip. A response that
// has a Content-Encoding is left alone.
//
// Package static serves files that have been compressed beforehand, for the
// gzip_static, brotli_static and zstd_static directives.
package compress
