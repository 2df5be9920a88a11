//go:build amd64 || ppc64 || ppc64le || s390x || mips64 || mips64le

package openfile

import "golang.org/x/sys/unix"

const sysFstatat = unix.SYS_NEWFSTATAT
