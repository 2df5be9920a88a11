package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The kernel's nf_tables are spoken to directly: google/nftables cannot make a
// table that its socket owns, which is what keeps a process that is killed from
// leaving one behind.

// nftSocket is a netlink socket for nf_tables. Tables made through it that are
// owned vanish with it.
type nftSocket struct {
	socket *nl.NetlinkSocket
	seq    uint32
}

// openNFT opens a socket in the calling thread's namespace.
func openNFT() (*nftSocket, error) {
	var socket *nl.NetlinkSocket
	err := asAdmin(func() (err error) {
		socket, err = nl.Subscribe(unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	limit := unix.NsecToTimeval(int64(commandLimit))
	if err := errors.Join(socket.SetSendTimeout(&limit), socket.SetReceiveTimeout(&limit)); err != nil {
		socket.Close()
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return &nftSocket{socket: socket}, nil
}

func (s *nftSocket) close() { s.socket.Close() }

// nftMessage is one change of a transaction.
type nftMessage struct {
	kind  uint16 // NFT_MSG_*
	flags uint16
	ipv6  bool
	attrs []*nl.RtAttr
}

// commit makes all changes or none. The error is the first change's that was
// refused.
func (s *nftSocket) commit(changes []nftMessage) error {
	var batch []byte
	add := func(kind, flags uint16, family uint8, resource uint16, attrs []*nl.RtAttr) {
		s.seq++
		length := unix.SizeofNlMsghdr + 4
		for _, a := range attrs {
			length += (a.Len() + 3) &^ 3
		}
		batch = binary.NativeEndian.AppendUint32(batch, uint32(length))
		batch = binary.NativeEndian.AppendUint16(batch, kind)
		batch = binary.NativeEndian.AppendUint16(batch, unix.NLM_F_REQUEST|flags)
		batch = binary.NativeEndian.AppendUint32(batch, s.seq)
		batch = append(batch, 0, 0, 0, 0, family, unix.NFNETLINK_V0)
		batch = binary.BigEndian.AppendUint16(batch, resource)
		for _, a := range attrs {
			batch = append(batch, a.Serialize()...)
			for len(batch)%4 != 0 {
				batch = append(batch, 0)
			}
		}
	}
	add(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	first := s.seq
	for i, c := range changes {
		family, flags := uint8(unix.NFPROTO_IPV4), c.flags
		if c.ipv6 {
			family = unix.NFPROTO_IPV6
		}
		if i == len(changes)-1 {
			flags |= unix.NLM_F_ACK // refusals are told anyway
		}
		add(unix.NFNL_SUBSYS_NFTABLES<<8|c.kind, flags, family, 0, c.attrs)
	}
	last := s.seq
	add(unix.NFNL_MSG_BATCH_END, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	if err := asAdmin(func() error {
		return unix.Sendto(s.socket.GetFd(), batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}); err != nil {
		return err
	}
	return s.await(first, last)
}

// await reads the answers to messages first to last. If the first one is refused for
// want of privilege, all others stay without an answer.
func (s *nftSocket) await(first, last uint32) error {
	var refused error
	for end := time.Now().Add(commandLimit); time.Now().Before(end); {
		messages, _, err := s.socket.Receive()
		if err != nil {
			return err
		}
		for _, m := range messages {
			seq := m.Header.Seq
			if m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 || seq < first || seq > last {
				continue
			}
			if code := int32(binary.NativeEndian.Uint32(m.Data)); code != 0 && refused == nil {
				refused = unix.Errno(-code)
			}
			if seq == last || seq == first && refused != nil && errors.Is(refused, unix.EPERM) {
				return refused
			}
		}
	}
	return unix.ETIMEDOUT
}

// Building blocks of attributes.

func nftString(kind int, text string) *nl.RtAttr { return nl.NewRtAttr(kind, nl.ZeroTerminated(text)) }

func nftNumber(kind int, value uint32) *nl.RtAttr {
	return nl.NewRtAttr(kind, binary.BigEndian.AppendUint32(nil, value))
}

func nftNested(kind int, inner ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil)
	for _, i := range inner {
		a.AddChild(i)
	}
	return a
}

// nftTableOwner is NFT_TABLE_F_OWNER of the kernel's linux/netfilter/nf_tables.h
// (since 5.12): the table can be changed by its socket only, and goes with it.
const nftTableOwner = 2

// Verdicts, from the kernel's linux/netfilter.h.
const (
	nfDrop   = 0
	nfAccept = 1
)

// The kernel's registers: 1 and 2 hold what is compared, 0 is the verdict.
const (
	nftVerdict = unix.NFT_REG_VERDICT
	nftFirst   = unix.NFT_REG_1
	nftSecond  = unix.NFT_REG_2
)

// nftExpression is one step of a rule.
func nftExpression(name string, attrs ...*nl.RtAttr) *nl.RtAttr {
	return nftNested(unix.NFTA_LIST_ELEM, nftString(unix.NFTA_EXPR_NAME, name), nftNested(unix.NFTA_EXPR_DATA, attrs...))
}

// nftLoad loads bytes of a header: unix.NFT_PAYLOAD_NETWORK_HEADER or
// NFT_PAYLOAD_TRANSPORT_HEADER.
func nftLoad(header, offset, length uint32) *nl.RtAttr {
	return nftExpression("payload", nftNumber(unix.NFTA_PAYLOAD_DREG, nftFirst), nftNumber(unix.NFTA_PAYLOAD_BASE, header),
		nftNumber(unix.NFTA_PAYLOAD_OFFSET, offset), nftNumber(unix.NFTA_PAYLOAD_LEN, length))
}

// nftMeta loads what is known about a packet beside its bytes.
func nftMeta(key uint32) *nl.RtAttr {
	return nftExpression("meta", nftNumber(unix.NFTA_META_DREG, nftFirst), nftNumber(unix.NFTA_META_KEY, key))
}

// nftEqual goes on if what was loaded is this.
func nftEqual(value []byte) *nl.RtAttr {
	return nftExpression("cmp", nftNumber(unix.NFTA_CMP_SREG, nftFirst), nftNumber(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ),
		nftNested(unix.NFTA_CMP_DATA, nl.NewRtAttr(unix.NFTA_DATA_VALUE, value)))
}

// nftInSet goes on if what was loaded is in a set.
func nftInSet(set string) *nl.RtAttr {
	return nftExpression("lookup", nftString(unix.NFTA_LOOKUP_SET, set), nftNumber(unix.NFTA_LOOKUP_SREG, nftFirst))
}

// nftPut puts a value into the second register.
func nftPut(value []byte) *nl.RtAttr {
	return nftExpression("immediate", nftNumber(unix.NFTA_IMMEDIATE_DREG, nftSecond),
		nftNested(unix.NFTA_IMMEDIATE_DATA, nl.NewRtAttr(unix.NFTA_DATA_VALUE, value)))
}

// nftDuplicate sends a copy to the loaded address through the interface whose
// index was put into the second register.
func nftDuplicate() *nl.RtAttr {
	return nftExpression("dup", nftNumber(unix.NFTA_DUP_SREG_ADDR, nftFirst), nftNumber(unix.NFTA_DUP_SREG_DEV, nftSecond))
}

// nftCounter counts the packets that have come so far.
func nftCounter() *nl.RtAttr { return nftExpression("counter") }

// nftEnd ends the rule with a verdict: nfDrop or nfAccept.
func nftEnd(verdict uint32) *nl.RtAttr {
	return nftExpression("immediate", nftNumber(unix.NFTA_IMMEDIATE_DREG, nftVerdict),
		nftNested(unix.NFTA_IMMEDIATE_DATA, nftNested(unix.NFTA_DATA_VERDICT, nftNumber(unix.NFTA_VERDICT_CODE, verdict))))
}
