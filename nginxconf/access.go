package nginxconf

import (
	"fmt"
	"io/fs"
	"strings"
)

// SetAccess is the setter of a directive with the permissions of files that are
// made: user:rights, group:rights and all:rights, where rights are r or rw.
// Unless told otherwise, the user may read and write.
func SetAccess(get func(*Scope) *Value[fs.FileMode]) Setter {
	return setOnce(get, func(d *Directive) (fs.FileMode, error) {
		mode, user := fs.FileMode(0), fs.FileMode(0o600)
		for _, word := range d.Args {
			who, what, _ := strings.Cut(word, ":")
			shift, known := map[string]int{"user": 6, "group": 3, "all": 0}[who]
			rights, allowed := map[string]fs.FileMode{"rw": 6, "r": 4}[what]
			if !known || !allowed {
				return 0, fmt.Errorf("invalid value \"%s\"", word)
			}
			if who == "user" {
				user = 0
			}
			mode |= rights << shift
		}
		return mode | user, nil
	}, nil)
}
