package measured

import (
	"os"
	"testing"
)

func TestWrite(t *testing.T) {
	name := t.TempDir() + "/doc.md"
	if err := os.WriteFile(name, []byte("before\n"+begins+"old\n"+ends+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(name, "new\n"); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(name)
	if want := "before\n" + begins + "new\n" + ends + "after\n"; string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if err := Write("/dev/null", "new\n"); err == nil {
		t.Error("a document without a place for it is written")
	}
}
