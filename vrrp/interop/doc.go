// Package interop holds the tests in which VRRP routers of ours run beside Debian's keepalived, in network namespaces:
// both roles, every version, family and authentication, and what happens when the two sides are configured
// differently. It has no code of its own.
package interop
