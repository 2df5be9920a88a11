package pki

import (
	"crypto/tls"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

// Files is what a configuration has read of PEM files, each of them once: that
// many servers name the same file costs nothing, and a file need not give the
// same twice (a FIFO). The zero value has read nothing.
type Files struct {
	// Previous is what the configuration before had read, of which unchanged files
	// are taken; nil: there is none.
	Previous *Files
	// Fleeting is whether the next configuration reads everything anew
	// (ssl_object_cache_inheritable off).
	Fleeting bool

	mu   sync.Mutex
	read map[string]*file
}

type file struct {
	stamp Stamp
	text  []byte
}

// Stamp tells one version of a file from another by what nginx looks at: which
// file it is, and when it was changed, in seconds. The zero value is that of no
// file.
type Stamp struct {
	device, inode uint64
	changed       int64
	regular       bool
}

// StampOf returns the stamp of a file, zero if it cannot be seen.
func StampOf(name string) Stamp {
	var st syscall.Stat_t
	if syscall.Stat(name, &st) != nil {
		return Stamp{}
	}
	return Stamp{uint64(st.Dev), st.Ino, int64(st.Mtim.Sec), st.Mode&syscall.S_IFMT == syscall.S_IFREG}
}

// Regular reports whether it is that of a file that can be read more than once.
func (s Stamp) Regular() bool { return s.regular }

// Age returns for how many seconds the file had not been changed at a moment.
func (s Stamp) Age(unix int64) int64 { return unix - s.changed }

// inline returns what stands in a name itself, behind "data:".
func inline(name string) (text []byte, ok bool) {
	data, ok := strings.CutPrefix(name, "data:")
	return []byte(data), ok
}

// Read returns the content of a file or, behind "data:", of the name itself. The
// error is in OpenSSL's words.
func (f *Files) Read(name string) ([]byte, error) {
	if text, ok := inline(name); ok {
		return text, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.read[name]; known != nil {
		return known.text, nil
	}
	stamp := StampOf(name)
	if p := f.Previous; p != nil && !p.Fleeting {
		if old := p.known(name); old != nil && old.stamp == stamp {
			return f.keep(name, old), nil
		}
	}
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return f.keep(name, &file{stamp, text}), nil
}

// Stamp returns the stamp of a file as it was when it was read, or as it is if it
// has not been.
func (f *Files) Stamp(name string) Stamp {
	if known := f.known(name); known != nil {
		return known.stamp
	}
	return StampOf(name)
}

func (f *Files) known(name string) *file {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read[name]
}

func (f *Files) keep(name string, known *file) []byte {
	if f.read == nil {
		f.read = make(map[string]*file)
	}
	f.read[name] = known
	return known.text
}

// Pair returns a certificate with its chain, and its key, of two files. Errors
// are in nginx's words.
func (f *Files) Pair(cert, key string, passwords [][]byte) (tls.Certificate, error) {
	text, err := f.Read(cert)
	var chain *Chain
	if err == nil {
		chain, err = parseChain(text)
	}
	if err != nil {
		return tls.Certificate{}, certError(cert, err)
	}
	name, err := keyFile(key)
	if err == nil {
		text, err = f.Read(name)
	}
	var k *Key
	if err == nil {
		k, err = parseKey(text, passwords)
	}
	if err != nil {
		return tls.Certificate{}, keyError(key, err)
	}
	return newPair(chain, k, key)
}

// LoadPair is Pair for files as they are now.
func LoadPair(cert, key string, passwords [][]byte) (tls.Certificate, error) {
	return new(Files).Pair(cert, key, passwords)
}

func certError(name string, err error) error {
	return fmt.Errorf("cannot load certificate \"%s\": %w", name, err)
}

func keyError(name string, err error) error {
	return fmt.Errorf("cannot load certificate key \"%s\": %w", name, err)
}

// keyFile returns the file that the name of a key stands for: a store that is one
// (provider "file" of OpenSSL) is read as one.
func keyFile(name string) (string, error) {
	for _, scheme := range []string{"engine:", "store:"} {
		rest, ok := strings.CutPrefix(name, scheme)
		if !ok {
			continue
		}
		if path, ok := strings.CutPrefix(rest, "file:"); ok && scheme == "store:" {
			return strings.TrimPrefix(path, "//"), nil
		}
		return "", fmt.Errorf("loading \"%s...\" certificate keys is not supported", scheme)
	}
	return name, nil
}

// IsFile reports whether the name of a certificate or a key is that of a file,
// which may be relative, and not what the file would hold or a store.
func IsFile(name string) bool {
	for _, scheme := range []string{"data:", "engine:", "store:"} {
		if strings.HasPrefix(name, scheme) {
			return false
		}
	}
	return true
}

// plainCertificates turns TRUSTED CERTIFICATE blocks, which carry OpenSSL's own
// notes behind the certificate, into plain ones.
func plainCertificates(text []byte) []byte {
	var out []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "TRUSTED CERTIFICATE" {
			var cert asn1.RawValue
			if _, err := asn1.Unmarshal(block.Bytes, &cert); err == nil {
				block = &pem.Block{Type: "CERTIFICATE", Bytes: cert.FullBytes}
			}
		}
		out = append(out, pem.EncodeToMemory(block)...)
	}
	return out
}

// readFile reads a file; its error is in OpenSSL's words.
func readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return nil, fmt.Errorf("BIO_new_file() failed (SSL: error:%08X:system library::%s:calling fopen(%s, r))", 0x80000000|uint32(errno), errno, name)
	}
	return text, err
}
