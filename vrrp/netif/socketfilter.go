package netif

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// dropEverything makes the kernel drop all packets for the socket, and empties
// what it has queued, which may come from other interfaces.
func dropEverything(fd int) error {
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: 1, Filter: &program[0]}); err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	var scrap [1]byte
	for {
		if _, _, err := unix.Recvfrom(fd, scrap[:], unix.MSG_DONTWAIT); err != nil {
			return nil
		}
	}
}

// openFilter lets packets reach the program: all, or those of one VRID.
func (s *Socket) openFilter() error {
	program := []bpf.Instruction{bpf.RetConstant{Val: 1 << 16}}
	if s.config.VRID != 0 {
		program = vridFilter(s.config)
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	if s.v6 != nil {
		err = s.v6.SetBPF(raw)
	} else {
		err = s.v4.SetBPF(raw)
	}
	if err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	return nil
}

// vridFilter passes packets whose VRID, the second byte of the VRRP header, is
// the configured one, and those too short to have one. A raw IPv4 socket's
// filter sees the IP header first, a raw IPv6 socket's does not.
func vridFilter(c SocketConfig) []bpf.Instruction {
	var program []bpf.Instruction
	at := uint32(1)
	if c.AH {
		at += 24 // the length of keepalived's authentication header
	}
	header := bpf.Instruction(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
	if !c.IPv6 {
		header = bpf.LoadMemShift{Off: 0} // X = 4 * (data[0] & 0xf)
	}
	program = append(program,
		header,
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.ALUOpX{Op: bpf.ALUOpSub},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: at, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.LoadIndirect{Off: at, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(c.VRID), SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 16},
	)
	return program
}
