// Package access decides who may do what: by address (allow, deny), by password
// (auth_basic), by the answer to another request (auth_request), by where the
// client comes from (valid_referers) and by signed links (secure_link).
package access
