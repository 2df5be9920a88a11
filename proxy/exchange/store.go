package exchange

import (
	"errors"
	"io/fs"
	"os"
	"time"

	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/message"
	"tandem/web/openfile"
)

// store says which responses become files.
type store struct {
	path *web.Template // nil: where root or alias have the request's path
}

var errEmptyPath = errors.New("empty path")

// readStore reads proxy_store on | off | path.
func readStore(get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := &get(s).Store
		if v.Set {
			return nc.ErrDuplicate
		}
		v.Set = true
		switch d.Args[0] {
		case "off":
			return nil
		case "":
			return errEmptyPath
		case "on":
			v.V = new(store)
			return nil
		}
		t, err := web.BlockOf(s).HTTP.Template(d, d.Args[0])
		v.V = &store{path: t}
		return err
	}
}

// copying is a response's body being written to a temporary file, which takes
// its place when the response is complete.
type copying struct {
	to   string   // the file's name when it is complete
	file *os.File // nil until there is something to write
	name string   // of file; "" when it is not there any more
	size int64
}

// keepsOn reports whether the back end's response is read to its end even if
// the client leaves.
func (x *Exchange) keepsOn() bool {
	return x.Settings.IgnoreClientAbort.V || x.Settings.Store.V != nil || x.Request.Background
}

// beginCopy prepares to store the response, if it is to be stored.
func (x *Exchange) beginCopy() {
	st, r := x.Settings.Store.V, x.Request
	if st == nil || !x.buffering || x.Head.Status != 200 || r.HeaderOnly && x.Done {
		return
	}
	var to []byte
	if st.path != nil {
		to = st.path.Value(r)
	} else {
		path, ok := r.MapPath(r.Scratch())
		defer r.Unscratch(path)
		if !ok {
			return
		}
		to = path
	}
	if len(to) > 0 {
		x.copy = &copying{to: string(to)}
	}
}

// copyBody writes a piece of the body to the copy and returns where in the file
// it is; -1 without a copy. A copy that cannot be written is given up, which
// is no reason to give up the response.
func (x *Exchange) copyBody(data []byte) (off int64) {
	c := x.copy
	if c == nil || c.to == "" || len(data) == 0 {
		return -1
	}
	err := x.openCopy()
	if err == nil {
		_, err = c.file.WriteAt(data, c.size)
	}
	if err != nil {
		x.log(logCrit, reading, "%s", openfile.ChangeError(err))
		x.dropCopy()
		return -1
	}
	off = c.size
	c.size += int64(len(data))
	return off
}

func (x *Exchange) openCopy() error {
	if x.copy.file != nil {
		return nil
	}
	f, err := x.Request.CreateTemp(x.Settings.TempPath.V)
	if err == nil {
		x.copy.file, x.copy.name = f, f.Name()
	}
	return err
}

// finishCopy gives a complete copy its place.
func (x *Exchange) finishCopy() {
	c := x.copy
	if c == nil || c.to == "" {
		return
	}
	if n := x.Head.ContentLength; n >= 0 && n != c.size {
		return
	}
	err := x.openCopy()
	if err == nil {
		access := x.Settings.StoreAccess.V
		move := openfile.Move{Access: access, FolderAccess: access, CreatePath: true}
		if f := x.Head.get(fieldLastModified); f != nil {
			if t, ok := message.ParseTime(f.Value); ok {
				move.Modified = time.Unix(t, 0)
			}
		}
		err = move.Do(c.name, c.to)
	}
	if err != nil {
		x.log(logCrit, reading, "%s", openfile.ChangeError(err))
		x.dropCopy()
		return
	}
	c.to, c.name = "", ""
}

// dropCopy gives the copy up. What has been written can still be read.
func (x *Exchange) dropCopy() {
	c := x.copy
	if c.name != "" {
		_ = os.Remove(c.name)
	}
	c.to, c.name = "", ""
}

// endCopy ends what beginCopy began.
func (x *Exchange) endCopy() {
	if x.copy == nil {
		return
	}
	x.dropCopy()
	if x.copy.file != nil {
		_ = x.copy.file.Close()
	}
	x.copy = nil
}

// defaultStoreAccess is for the user alone.
const defaultStoreAccess = fs.FileMode(0o600)
