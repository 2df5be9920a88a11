package keepalivedconf

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"tandem/keepalivedconf/text"
)

// authRows is what may stand in vrrp_instance/authentication.
var authRows = newRows(
	row[Instance]{name: "auth_type", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		switch s.Arg(1) {
		case "AH":
			i.Auth = AuthAH
		case "PASS":
			i.Auth = AuthPass
		default:
			b.err(s, "(%s) unknown authentication type '%s'", i.Name, s.Arg(1))
		}
	}},
	row[Instance]{name: "auth_pass", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		word := s.Arg(1)
		if len(word) > len(i.Password) {
			b.err(s, "Truncating auth_pass to %d characters", len(i.Password))
			b.hint("write only the first 8 characters, so that it is plain what the other nodes need")
		}
		i.Password = [8]byte{}
		copy(i.Password[:], word)
		i.At["auth_pass"] = s.Pos
	}},
)

// Bounds of keepalived's auth_hmac.
const (
	hmacKeyMin      = 32
	hmacKeyMax      = 64
	hmacWindowMin   = 1
	hmacWindowMax   = 300
	hmacWindowFloor = 5 // seconds: the smallest window derived from advert_int
)

// hmacRows is what may stand in vrrp_instance/auth_hmac.
var hmacRows = newRows(
	row[Instance]{name: "key", set: setHMACKey},
	row[Instance]{name: "active_key", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if v, ok := b.unsigned(s, s.Arg(1), 1, 255); ok {
			i.HMAC.Active = uint8(v)
		} else {
			b.err(s, "(%s) auth_hmac active_key '%s' must be between 1 and 255", i.Name, s.Arg(1))
		}
	}},
	row[Instance]{name: "time_window", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if v, ok := b.unsigned(s, s.Arg(1), hmacWindowMin, hmacWindowMax); ok {
			i.HMAC.TimeWindow = time.Duration(v) * time.Second
		} else {
			b.err(s, "(%s) auth_hmac time_window '%s' must be between %d and %d seconds", i.Name, s.Arg(1), hmacWindowMin, hmacWindowMax)
		}
	}},
	row[Instance]{name: "anti_replay", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		switch s.Arg(1) {
		case "time":
			i.HMAC.Monotonic = false
		case "monotonic":
			i.HMAC.Monotonic = true
		default:
			b.err(s, "(%s) auth_hmac anti_replay '%s' must be time or monotonic", i.Name, s.Arg(1))
		}
	}},
	row[Instance]{name: "mode", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		switch s.Arg(1) {
		case "enforce":
			i.HMAC.Mode = HMACEnforce
		case "permissive":
			i.HMAC.Mode = HMACPermissive
		case "receive-only":
			i.HMAC.Mode = HMACReceiveOnly
		default:
			b.err(s, "(%s) auth_hmac mode '%s' must be enforce, permissive or receive-only", i.Name, s.Arg(1))
		}
	}},
)

func setHMAC(b *builder, i *Instance, s *Statement) {
	if i.HMAC == nil {
		i.HMAC = &AuthHMAC{Pos: s.Pos, Keys: map[uint8][]byte{}}
	}
	hmacRows.walk(b, i, s.Body, nil)
}

// setHMACKey reads "key ID VALUE". The value is text, "hex:..." or "file:PATH"; a file holds either of the former.
func setHMACKey(b *builder, i *Instance, s *Statement) {
	if s.Args() < 2 {
		b.err(s, "(%s) auth_hmac key needs an id and a value", i.Name)
		return
	}
	id, ok := b.unsigned(s, s.Arg(1), 1, 255)
	if !ok {
		b.err(s, "(%s) auth_hmac key id '%s' must be between 1 and 255", i.Name, s.Arg(1))
		return
	}
	value := []byte(s.Arg(2))
	if path, isFile := strings.CutPrefix(s.Arg(2), "file:"); isFile {
		data, err := b.opt.Text.ReadFile(path)
		if err != nil {
			b.err(s, "(%s) auth_hmac key file '%s' cannot be opened", i.Name, path)
		} else if info, err := b.opt.Text.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			b.say(text.KindSecurity, s.Pos, "(%s) auth_hmac key file '%s' is readable by group or others", i.Name, path)
		}
		value = bytes.TrimRight(data, "\r\n")
	}
	key := value
	if hex, isHex := bytes.CutPrefix(value, []byte("hex:")); isHex {
		key = unhex(string(hex))
	}
	switch {
	case len(key) < hmacKeyMin || len(key) > hmacKeyMax:
		b.err(s, "(%s) auth_hmac key %d length %d not in range [%d, %d]", i.Name, id, len(key), hmacKeyMin, hmacKeyMax)
	case i.HMAC.Keys[uint8(id)] != nil:
		b.err(s, "(%s) duplicate auth_hmac key id %d", i.Name, id)
	default:
		i.HMAC.Keys[uint8(id)] = key
	}
}

// unhex reads pairs of hexadecimal digits, which text.Blanks may separate; a digit alone before a blank is a byte too. It
// returns nil if anything else is among them.
func unhex(text string) []byte {
	var out []byte
	for field := range strings.FieldsSeq(text) {
		for len(field) > 0 {
			n := min(2, len(field))
			v, err := strconv.ParseUint(field[:n], 16, 8)
			if err != nil {
				return nil
			}
			out = append(out, byte(v))
			field = field[n:]
		}
	}
	return out
}
