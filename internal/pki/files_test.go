package pki

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folder is a folder of PEM files.
type folder struct {
	t   *testing.T
	dir string
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

// write puts a file there in place of another one.
func (f folder) write(name string, b []byte) string {
	f.t.Helper()
	full := f.path(name)
	if err := errors.Join(os.WriteFile(full+".new", b, 0o600), os.Rename(full+".new", full)); err != nil {
		f.t.Fatal(err)
	}
	return full
}

func encodedKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func (f folder) pair(name string, a *authority) (cert, key string) {
	return f.write(name+".crt", encoded(a.cert)), f.write(name+".key", encodedKey(f.t, a.key))
}

// A configuration reads a file once; the next one takes over what has not changed,
// unless told otherwise.
func TestFilesAreReadOnce(t *testing.T) {
	f := folder{t, t.TempDir()}
	read := func(files *Files, want string) {
		t.Helper()
		if text, err := files.Read(f.path("a")); err != nil || string(text) != want {
			t.Errorf("%q, %v, want %q", text, err, want)
		}
	}
	f.write("a", []byte("one"))
	first := new(Files)
	read(first, "one")
	changed, err := os.Stat(f.path("a"))
	if err != nil {
		t.Fatal(err)
	}
	// The same file, changed at the same time, as far as can be seen.
	if err := errors.Join(os.WriteFile(f.path("a"), []byte("two"), 0o600), os.Chtimes(f.path("a"), time.Time{}, changed.ModTime())); err != nil {
		t.Fatal(err)
	}
	read(first, "one")
	read(&Files{Previous: first}, "one")
	read(&Files{Previous: &Files{read: first.read, Fleeting: true}}, "two")
	f.write("a", []byte("three"))
	read(first, "one")
	read(&Files{Previous: first}, "three")
	if text, err := first.Read("data:four"); err != nil || string(text) != "four" {
		t.Errorf("%q, %v", text, err)
	}
}

// What is read of a FIFO serves all who name it.
func TestFilesReadFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	go func() { _ = os.WriteFile(name, []byte("once"), 0) }()
	files := new(Files)
	for range 2 {
		if text, err := files.Read(name); err != nil || string(text) != "once" {
			t.Errorf("%q, %v", text, err)
		}
	}
}

// The errors of certificates and keys are those of nginx with OpenSSL 3.0.
func TestPairErrors(t *testing.T) {
	f := folder{t, t.TempDir()}
	cert, key := f.pair("a", (*authority)(nil).issue(t, nil))
	_, strange := f.pair("b", (*authority)(nil).issue(t, nil))
	empty := f.write("empty", nil)
	missing := f.path("missing")
	for _, c := range []struct{ cert, key, want string }{
		{cert, key, ""},
		{cert, "store:file:" + key, ""},
		{cert, "store:file://" + key, ""},
		{missing, key, "cannot load certificate \"" + missing + "\": BIO_new_file() failed (SSL: error:80000002:system library::no such file or directory:calling fopen(" + missing + ", r))"},
		{cert, missing, "cannot load certificate key \"" + missing + "\": BIO_new_file() failed"},
		{empty, key, "cannot load certificate \"" + empty + "\": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)"},
		{cert, empty, "cannot load certificate key \"" + empty + "\": PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported)"},
		{cert, strange, "SSL_CTX_use_PrivateKey(\"" + strange + "\") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)"},
		{cert, "engine:e:k", "cannot load certificate key \"engine:e:k\": loading \"engine:...\" certificate keys is not supported"},
		{cert, "store:pkcs11:k", "cannot load certificate key \"store:pkcs11:k\": loading \"store:...\" certificate keys is not supported"},
	} {
		_, err := LoadPair(c.cert, c.key, nil)
		if got := errorText(err); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %s:\ngot  %s\nwant %s", c.cert, c.key, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The cache of certificates with variables in their names looks at a file again
// when its time is over, forgets what is not used, and keeps so many files.
func TestCache(t *testing.T) {
	f := folder{t, t.TempDir()}
	names := map[*x509.Certificate]string{}
	issue := func(file, name string) {
		a := (*authority)(nil).issue(t, func(c *x509.Certificate) { c.DNSNames = []string{name} })
		names[a.cert] = name
		f.pair(file, a)
	}
	now := time.Unix(1e9, 0)
	c := &Cache{Max: 4, Valid: time.Minute, Inactive: time.Hour}
	want := func(c *Cache, file, want string) {
		t.Helper()
		got := "none"
		if pair, err := c.Pair(f.path(file+".crt"), f.path(file+".key"), nil, now); err == nil {
			got = pair.Leaf.DNSNames[0]
		}
		if got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		issue(name, name)
	}
	want(c, "a", "a")
	issue("a", "a2")
	want(c, "a", "a")
	want(nil, "a", "a2")
	want(c, "b", "b")
	want(c, "c", "c") // the third pair of files: a goes
	want(c, "a", "a2")

	now = now.Add(time.Minute + 1)
	want(c, "a", "a2")
	issue("a", "a3")
	want(c, "a", "a2")
	now = now.Add(time.Minute + 1)
	want(c, "a", "a3")

	c = &Cache{Max: 100, Valid: 10 * time.Hour, Inactive: time.Hour}
	want(c, "a", "a3")
	issue("a", "a4")
	want(c, "a", "a3")
	now = now.Add(time.Hour)
	want(c, "b", "b")
	want(c, "a", "a4")
}

// A pair that changes between its two files is read again.
func TestCacheMismatch(t *testing.T) {
	f := folder{t, t.TempDir()}
	now := time.Unix(1e9, 0)
	c := &Cache{Max: 2, Valid: time.Hour, Inactive: time.Minute}
	cert, key := f.pair("a", (*authority)(nil).issue(t, nil))
	if _, err := c.Pair(cert, key, nil, now); err != nil {
		t.Fatal(err)
	}
	c.known.Remove(cacheName{key, true})
	f.pair("a", (*authority)(nil).issue(t, nil))
	if _, err := c.Pair(cert, key, nil, now); err != nil {
		t.Error(err)
	}
}

// A chain in which somebody follows who has not signed is told by both names.
func TestDisorder(t *testing.T) {
	root := (*authority)(nil).issue(t, nil)
	middle := root.issue(t, nil)
	leaf := middle.issue(t, nil)
	chain := func(as ...*authority) (der [][]byte) {
		for _, a := range as {
			der = append(der, a.cert.Raw)
		}
		return der
	}
	for _, good := range [][][]byte{chain(leaf), chain(leaf, middle), chain(leaf, middle, root), chain(root)} {
		if text := Disorder(good); text != "" {
			t.Error(text)
		}
	}
	want := `"/CN=` + leaf.cert.Subject.CommonName + `" is followed by "/CN=` + root.cert.Subject.CommonName + `", which has not signed it`
	if text := Disorder(chain(leaf, root, middle)); text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}
