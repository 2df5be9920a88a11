// Package kernellab runs tests on another kernel: one that has IPVS, VLAN,
// bonding, ipvlan and vrf, which the machine's own may lack.
//
// An emulator (qemu-system-x86_64, without hardware help) boots that kernel with
// an initial file system made of static test binaries, the programs and the
// modules that they need. The tests are those of other packages, which skip
// themselves where the kernel lacks what they are about: TestKernel of this
// package builds them, boots once for all, and shows each as a subtest with its
// output.
//
//	go test ./internal/kernellab
//	go test ./internal/kernellab -run TestKernel/vserver/ipvs -v
//
// The kernel is Debian's, unpacked below $TANDEM_KERNEL or tandem/kernel in the
// user's cache folder (.ci/kernel puts it there), or one that is installed.
package kernellab
