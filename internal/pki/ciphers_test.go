package pki

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/ciphers.txt as the installed openssl says")

// cipherLists are lists of every kind: each word that any OpenSSL knows, the
// operators, what is wrong, and what stands in real configurations.
var cipherLists = append(strings.Fields(`
	ALL COMPLEMENTOFALL DEFAULT COMPLEMENTOFDEFAULT HIGH MEDIUM LOW EXP EXPORT EXPORT40 EXPORT56 FIPS eNULL NULL aNULL
	kRSA RSA aRSA kDHE kEDH DH DHE EDH ADH kECDHE kEECDH ECDH ECDHE EECDH AECDH aECDSA ECDSA aDSS DSS aDH kDHr kDHd kDH
	kECDHe kECDHr kECDH aECDH PSK kPSK kRSAPSK kDHEPSK kECDHEPSK aPSK SRP kSRP aSRP kGOST aGOST aGOST01 aGOST12 kGOST18 GOST94
	GOST89MAC GOST12 KRB5 kKRB5 aKRB5 kFZA aFZA eFZA FZA FORTEZZA 3DES DES RC2 RC4 IDEA SEED AES AES128 AES256 AESGCM AESCCM
	AESCCM8 CAMELLIA CAMELLIA128 CAMELLIA256 CHACHA20 ARIA ARIA128 ARIA256 ARIAGCM CBC MD5 SHA SHA1 SHA256 SHA384 TLSv1 TLSv1.0
	TLSv1.1 TLSv1.2 TLSv1.3 SSLv2 SSLv3 SUITEB128 SUITEB128ONLY SUITEB128C2 SUITEB192 SUITEB128:AES SUITEB128x SUITEB256
	DES-CBC3-SHA ECDHE-RSA-DES-CBC3-SHA RC4-SHA AES128-SHA TLS_RSA_WITH_AES_128_CBC_SHA TLS_AES_128_GCM_SHA256 NULL-MD5
	NOSUCH ecdhe high Default ALL:!ALL ALL:-ALL ALL:-ALL:AES !AES:AES AES:! AES:# AES:@FOO AES:@ @STRENGTH AES@STRENGTH AES:+ AES+ +AES
	AES:@SECLEVEL=1 AES:@SECLEVEL=9 AES:@SECLEVEL=10 AES:@SECLEVEL= @SECLEVEL=2 DEFAULT@SECLEVEL=1 DEFAULT:@SECLEVEL=0 DEFAULTx DEFAULT:-AES HIGH:DEFAULT DEFAULT!aRSA
	: :: AES: :AES AES,RSA AES;RSA AES::RSA AES:+RSA AES!RSA AES-RSA:x ALL:-AES:+CAMELLIA:AES ALL:+HIGH:@STRENGTH
	ECDH+AESGCM DH+AESGCM ECDH+AESGCM:!aNULL ECDHE+AESGCM+AES256:!ECDSA AES128+AES256 RSA+PSK SSLv3+TLSv1 TLSv1.2+AES HIGH+MEDIUM NOSUCH+AES AES+NOSUCH AES+NOSUCH+RSA:kRSA
	AES128-SHA+kRSA AES128-SHA+ECDHE AES+@STRENGTH AESGCM:-ECDHE:+AES256:!aNULL:@STRENGTH !AES128:kRSA+AESGCM ALL:eNULL ALL:NULL:!NULL-MD5 kEECDH+AESGCM:!3DES
	EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH EECDH+CHACHA20:EECDH+AES128:RSA+AES128:EECDH+AES256:RSA+AES256:EECDH+3DES:RSA+3DES:!MD5
	HIGH:!aNULL:!MD5 HIGH:!aNULL:!MD5:!3DES ALL:!ADH:!EXPORT56:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP ALL:!aNULL:!ADH:!eNULL:!LOW:!EXP:RC4+RSA:+HIGH:+MEDIUM
	ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:ECDH+AES128:DH+AES:RSA+AESGCM:RSA+AES:!aNULL:!MD5:!DSS kEDH+AESGCM:DHE-RSA-AES256-SHA
	DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:kEDH+AESGCM:!DSS PROFILE=SYSTEM TLS13-AES-256-GCM-SHA384
`), "", " ", "ECDHE AES", "HIGH !aNULL !MD5 or HIGH:!aNULL:!MD5:!3DES", "DEFAULT !RC4", "AES:\"x\"", "AES:ü")

// opensslCiphers is what openssl makes of a list: its suites in order, none for
// an error.
func opensslCiphers(list string) (names []string) {
	if strings.HasPrefix(list, "-") {
		list = ":" + list // it is no option
	}
	out, err := exec.Command("openssl", "ciphers", list).Output()
	if err != nil {
		return nil
	}
	for name := range strings.SplitSeq(strings.TrimSpace(string(out)), ":") {
		if !strings.HasPrefix(name, "TLS_") {
			names = append(names, name)
		}
	}
	return names
}

func ownCiphers(list string) (names []string) {
	chosen, _ := parseCiphers(list)
	for _, s := range chosen {
		names = append(names, s.name)
	}
	return names
}

const cipherFile = "testdata/ciphers.txt"

// Each list stands for what it has stood for with openssl.
func TestCiphers(t *testing.T) {
	if *update {
		var out strings.Builder
		for _, list := range cipherLists {
			out.WriteString(list + "\n\t" + strings.Join(opensslCiphers(list), ":") + "\n")
		}
		if err := os.WriteFile(cipherFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(cipherFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 2*len(cipherLists) {
		t.Fatalf("%d lines for %d lists", len(lines), len(cipherLists))
	}
	for i, list := range cipherLists {
		want := strings.TrimPrefix(lines[2*i+1], "\t")
		if got := strings.Join(ownCiphers(list), ":"); lines[2*i] != list || got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", list, got, want)
		}
	}
}

// TestCiphersLikeOpenSSL compares the table of suites, the recorded lists and
// random ones with the installed openssl.
func TestCiphersLikeOpenSSL(t *testing.T) {
	version, err := exec.Command("openssl", "version").Output()
	if err != nil || !strings.HasPrefix(string(version), "OpenSSL 3.0.") {
		t.Skipf("the table is that of OpenSSL 3.0, here is %q", version)
	}
	lists := slices.Clone(cipherLists)
	r := rand.New(rand.NewPCG(1, 2))
	words := cipherLists[:110]
	for range 150 {
		var list strings.Builder
		for i := range 1 + r.IntN(5) {
			if i > 0 {
				list.WriteString(":")
			}
			list.WriteString([]string{"", "", "", "!", "-", "+"}[r.IntN(6)] + words[r.IntN(len(words))])
			if r.IntN(3) == 0 {
				list.WriteString("+" + words[r.IntN(len(words))])
			}
		}
		if r.IntN(4) == 0 {
			list.WriteString(":@STRENGTH")
		}
		lists = append(lists, list.String())
	}
	for _, list := range lists {
		if got, want := ownCiphers(list), opensslCiphers(list); !slices.Equal(got, want) {
			t.Errorf("%q:\ngot     %v\nopenssl %v", list, got, want)
		}
	}
}

// What Go has is what it is asked for; where it has nothing it chooses itself,
// and that is said.
func TestCiphersOfGo(t *testing.T) {
	for list, want := range map[string]int{"HIGH:!aNULL:!MD5": 17, "ECDH+AESGCM:!aNULL": 4, "ECDH": 12, "DH": 0, "DEFAULT": 0, "SUITEB128": 2, "AES128-SHA": 1} {
		ids, err := Ciphers(list)
		if err != nil || len(ids) != want {
			t.Errorf("%s: %d suites, %v; want %d", list, len(ids), err, want)
		}
		if warned := WarnOfCiphers(list) != ""; warned != (list == "DH") {
			t.Errorf("%s: warned %t", list, warned)
		}
	}
	for _, list := range []string{"3DES", "", "NOSUCH", "AES:!"} {
		if ids, err := Ciphers(list); err == nil || WarnOfCiphers(list) != "" {
			t.Errorf("%s: %v, %q", list, ids, WarnOfCiphers(list))
		}
	}
}

func FuzzCiphers(f *testing.F) {
	f.Add("ECDHE+AESGCM:!x:-y:+z:@STRENGTH")
	f.Add("ALL:-ALL+AES!RSA@SECLEVEL=1,DEFAULT")
	f.Fuzz(func(t *testing.T, list string) {
		ids, err := Ciphers(list)
		seen := make(map[uint16]bool)
		for _, id := range ids {
			if seen[id] || err != nil {
				t.Errorf("%q: %v %v", list, ids, err)
			}
			seen[id] = true
		}
	})
}
