package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// nameCases are names as text: RDNs between "|", attributes of one between
// "&", each an identifier, a tag and a value in Go's syntax for strings.
var nameCases = []string{
	`2.5.4.3:12:x`, `2.5.4.6:19:DE|2.5.4.10:12:Example|2.5.4.3:12:www.example.com`,
	`2.5.4.3:12:a|1.2.840.113549.1.9.1:22:user@example.com`, `2.5.4.10:12:Acme, Inc.|2.5.4.3:12:x`,
	`2.5.4.3:12:a+b`, `2.5.4.3:12:a/b`, `2.5.4.3:12:a=b`, `2.5.4.3:12:a"b`, `2.5.4.3:12:a\\b`, `2.5.4.3:12:<a>;b`,
	`2.5.4.3:12:#a`, `2.5.4.3:12:a#b`, `2.5.4.3:12:#`, `2.5.4.3:12: a`, `2.5.4.3:12:a `, `2.5.4.3:12: `, `2.5.4.3:12:  `, `2.5.4.3:12:a  b`,
	`2.5.4.3:12:`, `2.5.4.3:12:Zo\xc3\xab`, `2.5.4.3:12:\xe6\x97\xa5\xe6\x9c\xac`, `2.5.4.3:12:\xf0\x9f\x98\x80`, `2.5.4.3:12:a\tb\nc`, `2.5.4.3:12:a\x00b`, `2.5.4.3:12:a\x7fb`,
	`2.5.4.3:20:Zo\xeb`, `2.5.4.3:30:\x00Z\x00\xeb`, `2.5.4.3:30:\x65\xe5\x67\x2c`, `2.5.4.3:28:\x00\x00\x00Z\x00\x01\xf6\x00`, `2.5.4.3:18:12 3`,
	`2.5.4.3:19:printable`, `2.5.4.45:3:\x00\xf0`,
	`2.5.4.10:12:o|2.5.4.3:12:x&0.9.2342.19200300.100.1.1:12:1`, `2.5.4.3:12:x&2.5.4.4:12:y&2.5.4.42:12:z|2.5.4.6:19:DE`,
	`1.2.3.4:12:unknown`, `1.2.3.4:12:a,b|2.5.4.3:12:x`, `1.2.840.113549.1.9.2:12:unstructured`,
	`0.9.2342.19200300.100.1.25:22:com|0.9.2342.19200300.100.1.25:22:example`, `2.5.4.97:12:VATDE-1`, `1.3.6.1.4.1.311.60.2.1.3:19:DE`, `2.5.4.8:12:s|2.5.4.7:12:l|2.5.4.9:12:st|2.5.4.17:12:1|2.5.4.12:12:t|2.5.4.13:12:d|2.5.4.43:12:i|2.5.4.44:12:g|2.5.4.46:19:q|2.5.4.65:12:p`,
	``,
}

func nameDER(t *testing.T, text string) []byte {
	t.Helper()
	var rdns []asn1.RawValue
	for rdn := range strings.SplitSeq(text, "|") {
		var set []byte
		for part := range strings.SplitSeq(rdn, "&") {
			f := strings.SplitN(part, ":", 3)
			if len(f) < 3 {
				continue
			}
			var oid asn1.ObjectIdentifier
			for number := range strings.SplitSeq(f[0], ".") {
				n, _ := new(big.Int).SetString(number, 10)
				oid = append(oid, int(n.Int64()))
			}
			tag, _ := new(big.Int).SetString(f[1], 10)
			pair, err := asn1.Marshal(struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}{oid, asn1.RawValue{Tag: int(tag.Int64()), Bytes: []byte(f[2])}})
			if err != nil {
				t.Fatal(err)
			}
			set = append(set, pair...)
		}
		if set != nil {
			rdns = append(rdns, asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: set})
		}
	}
	der, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// opensslName is how openssl writes the subject of a certificate.
func opensslName(t *testing.T, der []byte, option string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: der, NotAfter: time.Now()},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("openssl", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", option)
	cmd.Stdin = strings.NewReader(string(cert))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl refuses %x: %v", der, err)
	}
	return strings.TrimPrefix(strings.TrimSuffix(string(out), "\n"), "subject=")
}

var unescape = strings.NewReplacer(`\xc3`, "\xc3", `\xab`, "\xab", `\xe6`, "\xe6", `\x97`, "\x97", `\xa5`, "\xa5", `\x9c`, "\x9c", `\xac`, "\xac",
	`\xf0`, "\xf0", `\x9f`, "\x9f", `\x98`, "\x98", `\x80`, "\x80", `\t`, "\t", `\n`, "\n", `\x00`, "\x00", `\x7f`, "\x7f", `\xeb`, "\xeb", `\x65`, "\x65", `\xe5`, "\xe5",
	`\x67`, "\x67", `\x2c`, "\x2c", `\x01`, "\x01", `\xf6`, "\xf6", `\x02`, "\x02", `\\`, `\`)

// Names are written as openssl has written them, and as the installed one does.
func TestNames(t *testing.T) {
	const file = "testdata/names.txt"
	_, missing := exec.LookPath("openssl")
	var recorded strings.Builder
	wanted := map[string]string{}
	if !*update {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i := 0; i+2 < len(lines); i += 3 {
			wanted[lines[i]] = lines[i+1] + "\n" + lines[i+2]
		}
	}
	for _, c := range nameCases {
		der := nameDER(t, unescape.Replace(c))
		got := "\t" + NameRFC2253(der) + "\n\t" + NameOneLine(der)
		if missing == nil {
			openssl := "\t" + opensslName(t, der, "RFC2253") + "\n\t" + opensslName(t, der, "compat")
			recorded.WriteString(c + "\n" + openssl + "\n")
			if *update {
				wanted[c] = openssl
			} else if got != openssl {
				t.Errorf("%s:\ngot\n%s\nopenssl\n%s", c, got, openssl)
			}
		}
		if want, ok := wanted[c]; !ok || got != want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", c, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(recorded.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add([]byte("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x1e\x01x"))
	f.Add([]byte("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x1c\x01x"))
	f.Add([]byte("\x30\x02\x31\x00"))
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, name := range []string{NameRFC2253(der), NameOneLine(der)} {
			for _, c := range []byte(name) {
				if c < ' ' || c > '~' {
					t.Fatalf("%q", name)
				}
			}
		}
	})
}
