package static

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tandem/internal/errorlog"
	"tandem/web"
	"tandem/web/message"
	"tandem/web/openfile"
)

func unixTime(seconds int64) time.Time { return time.Unix(seconds, 0) }

// davCopy does COPY and MOVE.
func davCopy(r *web.Request, c *davSettings) web.Code {
	if r.HasBody() {
		r.Logf(errorlog.Error, "COPY and MOVE with body are unsupported")
		return 415
	}
	target, ok := destination(r)
	if !ok {
		return 400
	}
	header := r.Header(message.Destination)
	if isCollection(r.Path) != isCollection(header) {
		r.Logf(errorlog.Error, "both URI \"%s\" and \"Destination\" URI \"%s\" should be either collections or non-collections", r.Path, header)
		return 409
	}
	if a := &r.Core.Alias; a.On && !a.Whole && len(target) < len(a.Name) {
		r.Logf(errorlog.Error, "client sent invalid \"Destination\" header: \"%s\"", header)
		return 400
	}
	if depth := davDepth(r, depthInfinity); depth != depthInfinity {
		switch {
		case r.Method == web.MOVE:
			r.Logf(errorlog.Error, "\"Depth\" header must be infinity")
			return 400
		case depth != 0:
			r.Logf(errorlog.Error, "\"Depth\" header must be 0 or infinity")
			return 400
		}
	}
	overwrite, ok := overwrites(r)
	if !ok {
		return 400
	}
	from, ok := mapped(r)
	if !ok {
		return 500
	}
	source := r.Path
	r.Path = target
	to, ok := mapped(r)
	r.Path = source
	if !ok {
		return 500
	}
	return copyOrMove(r, c, mergeSlashes(from), mergeSlashes(to), overwrite)
}

// destination returns the path that the Destination header means on this
// server.
func destination(r *web.Request) ([]byte, bool) {
	header := r.Header(message.Destination)
	if header == nil {
		r.Logf(errorlog.Error, "client sent no \"Destination\" header")
		return nil, false
	}
	rest := header
	if len(rest) == 0 || rest[0] != '/' {
		if len(r.Host) == 0 {
			r.Logf(errorlog.Error, "client sent no \"Host\" header")
			return nil, false
		}
		authority, found := bytes.CutPrefix(rest, []byte(r.Scheme()+"://"))
		if found && !bytes.HasPrefix(authority, r.Host) {
			r.Logf(errorlog.Error, "\"Destination\" URI \"%s\" is handled by different repository than the source URI", header)
			return nil, false
		}
		slash := -1
		if found {
			slash = bytes.IndexByte(authority[len(r.Host):], '/')
		}
		if slash < 0 {
			r.Logf(errorlog.Error, "client sent invalid \"Destination\" header: \"%s\"", header)
			return nil, false
		}
		rest = authority[len(r.Host)+slash:]
	}
	path, _, ok := web.SafeURI(rest)
	if !ok {
		r.Logf(errorlog.Error, "unsafe URI \"%s\" was detected", rest)
		r.Logf(errorlog.Error, "client sent invalid \"Destination\" header: \"%s\"", header)
	}
	return path, ok
}

// overwrites reads the Overwrite header (RFC 4918, 10.6).
func overwrites(r *web.Request) (overwrite, ok bool) {
	value := r.Header(message.Overwrite)
	if value == nil {
		return true, true
	}
	switch string(value) {
	case "T", "t":
		return true, true
	case "F", "f":
		return false, true
	}
	r.Logf(errorlog.Error, "client sent invalid \"Overwrite\" header: \"%s\"", value)
	return false, false
}

func mergeSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

func copyOrMove(r *web.Request, c *davSettings, from, to string, overwrite bool) web.Code {
	header := r.Header(message.Destination)
	to, collection := strings.CutSuffix(to, "/")
	source := strings.TrimSuffix(from, "/")
	if source == to {
		r.Logf(errorlog.Error, "both URI \"%s\" and \"Destination\" URI \"%s\" point to the same location", r.Path, header)
		return 403
	}
	refused := func() {
		r.Logf(errorlog.Error, "\"%s\" could not be %sed to collection \"%s\"", r.Path, r.MethodName, header)
	}
	if collection && (strings.HasPrefix(to, source+"/") || strings.HasPrefix(source, to+"/")) {
		refused()
		return 403
	}
	replaced, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		replaced, overwrite = nil, false
	case err != nil:
		return davError(r, err, 404)
	case replaced.IsDir() && !collection:
		refused()
		return 409
	case !overwrite:
		r.Logf(errorlog.Error, "\"%s\" could not be created (%s)", to, errorlog.Errno(syscall.EEXIST))
		return 412
	}
	info, err := os.Lstat(from)
	if err != nil {
		return davError(r, err, 404)
	}
	if !info.IsDir() {
		return copyOrMoveFile(r, c, from, to)
	}
	if !isCollection(r.Path) {
		r.Logf(errorlog.Error, "\"%s\" is collection", r.Path)
		return 400
	}
	if overwrite {
		if err := removePath(r, to, replaced.IsDir()); err != nil {
			return davError(r, err, 404)
		}
	}
	return copyOrMoveFolder(r, source, to, info)
}

func copyOrMoveFile(r *web.Request, c *davSettings, from, to string) web.Code {
	var err error
	if r.Method == web.MOVE {
		err = openfile.Move{FolderAccess: c.access.V, CreatePath: true}.Do(from, to)
	} else {
		err = openfile.Copy(from, to)
	}
	if err != nil {
		r.Logf(errorlog.Crit, "%s", openfile.ChangeError(err))
		return 500
	}
	return 204
}

func copyOrMoveFolder(r *web.Request, from, to string, info fs.FileInfo) web.Code {
	if r.Method == web.MOVE && isLink(from) {
		return davError(r, &fs.PathError{Op: "rmdir", Path: from + "/", Err: syscall.ENOTDIR}, 404)
	}
	if r.Method == web.MOVE && os.Rename(from, to) == nil {
		return 201
	}
	if err := os.Mkdir(to, info.Mode().Perm()); err != nil {
		return davError(r, err, 404)
	}
	if err := copyFolder(r, from, to); err != nil {
		r.Logf(errorlog.Crit, "%s", openfile.ChangeError(err))
		return 500
	}
	if r.Method == web.MOVE {
		if err := removePath(r, from, true); err != nil {
			return davError(r, err, 404)
		}
	}
	return 201
}

// copyFolder copies what is in a folder: files and folders. What fails of that
// is logged and left out, as nginx does; links and special files are left out.
func copyFolder(r *web.Request, from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		in, out := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.IsDir():
			err = copySubfolder(r, in, out, e)
		case e.Type().IsRegular():
			err = openfile.Copy(in, out)
		}
		if err != nil {
			r.Logf(errorlog.Crit, "%s", openfile.ChangeError(err))
		}
	}
	return nil
}

func copySubfolder(r *web.Request, from, to string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, openfile.FolderAccess(info.Mode().Perm())); err != nil {
		return err
	}
	if err := copyFolder(r, from, to); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
