package pki

import (
	"encoding/pem"
	"testing"
)

// No file of keys ends the process.
func FuzzECH(f *testing.F) {
	const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIGBzN0ZgzLYf5eAfWNE8Lw7rG8cKgHYk0RjZ0hv9c/lv\n-----END PRIVATE KEY-----\n"
	if block, _ := pem.Decode([]byte(key)); block == nil {
		f.Fatal("no key")
	} else if _, err := parseECDH(block.Bytes); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 4, 0xfe, 0x0d, 0, 0})
	f.Add([]byte{0, 8, 0xfe, 0x0d, 0, 4, 1, 0, 0x20, 0})
	f.Fuzz(func(t *testing.T, list []byte) {
		keys, err := parseECH(append([]byte(key), pem.EncodeToMemory(&pem.Block{Type: "ECHCONFIG", Bytes: list})...), true)
		if err == nil && keys == nil {
			t.Error("neither keys nor an error")
		}
		_ = checkECHContent(list) // which no key leads to here
	})
}
