package alike

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDAVLinks: a link to a folder is no folder that could be deleted or moved,
// nor can a folder be deleted that holds one.
func TestDAVLinks(t *testing.T) {
	setup := func(t *testing.T, dir string) {
		for _, name := range []string{"one/sub", "two", "link", "holds/sub", "dangles", "files", "away", "kept"} {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"one/a", "one/sub/b", "away/x", "kept/x", "holds/sub/c", "link/f", "files/f"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for name, to := range map[string]string{"link/folder": "../away", "link/other": "../away", "link/third": "../two", "link/file": "f", "link/nowhere": "none",
			"holds/folder": "../away", "dangles/nowhere": "none", "files/link": "../kept/x", "linked": "two"} {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	request := func(line, more string) string {
		return line + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + more + "\r\n"
	}
	run(t, `
		log_format f '$status'; access_log DIR/access.log f;
		server {
			listen LISTEN; root DIR;
			location / { dav_methods PUT DELETE MKCOL COPY MOVE; }
			location /alias/ { alias DIR/two/; dav_methods DELETE; }
			location /linked-alias/ { alias DIR/linked/; dav_methods DELETE; }
		}`, setup, []exchangeCase{
		{name: "a link to a folder, as a file", send: request("DELETE /link/folder", ""), logged: "204"},
		{name: "a link to a folder", send: request("DELETE /link/other/", ""), logged: "404", errors: is(`rmdir\(\) "[^"]*/link/other/" failed \(20: Not a directory\)`)},
		{name: "move a link to a folder", send: request("MOVE /link/third/", "Destination: /moved/\r\n"), logged: "404"},
		{name: "make a folder of a link", send: request("MKCOL /link/other/", ""), logged: "405"},
		{name: "make a folder of a link to nowhere", send: request("MKCOL /link/nowhere/", ""), logged: "405"},
		{name: "a link to a file", send: request("DELETE /link/file", ""), logged: "204"},
		{name: "a link to a file, as a folder", send: request("DELETE /files/link/", ""), logged: "409"},
		{name: "a folder with a link to a folder", send: request("DELETE /holds/", ""), logged: "500", errors: is(`\[crit\].* rmdir\(\) "[^"]*/holds/?" failed \(39: Directory not empty\)`)},
		{name: "a folder with a link to nowhere", send: request("DELETE /dangles/", ""), logged: "500"},
		{name: "a folder with a link to a file", send: request("DELETE /files/", ""), logged: "204"},
		{name: "a folder", send: request("DELETE /one/", ""), logged: "204"},
		{name: "an alias that is a link", send: request("DELETE /linked-alias/", ""), logged: "404"},
		{name: "the location's own folder", send: request("DELETE /alias/", ""), logged: "204"},
	})
}
