package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/internal/rootfile"
	"tandem/node/configuration"
)

// foldersPart makes the folders for temporary files and gives them to the user
// that will write there, as nginx does. As long as the process stays root they
// are made when the first file is.
func foldersPart(c *configuration.Configuration) (change, error) {
	a, ok := c.RunsAs()
	if !ok {
		return change{}, nil
	}
	var made folders
	named, defaults := c.HTTP.TempFolders()
	for _, name := range named {
		if err := made.give(name, a.UID); err != nil {
			made.undo()
			return change{}, err
		}
	}
	for _, name := range defaults {
		// Nobody asked for these: whoever needs one will say what is wrong.
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		_ = made.give(name, a.UID)
	}
	return change{discard: made.undo}, nil
}

// folders remember how to undo what was done to them, in order.
type folders []func()

// undo leaves the folders as they were. What somebody has put into one stays.
func (f *folders) undo() {
	for i := len(*f) - 1; i >= 0; i-- {
		(*f)[i]()
	}
}

// give makes a folder, if it is not there, and gives it to a user.
func (f *folders) give(name string, uid int) error {
	switch err := os.Mkdir(name, 0o700); {
	case err == nil:
		*f = append(*f, func() { _ = os.Remove(name) })
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("mkdir() \"%s\" failed (%s)%s", name, errorlog.Reason(err), privilege.Why(err, privilege.DACOverride))
	}
	// Held, so that nothing else can be put in its place.
	folder, err := rootfile.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	defer folder.Close()
	info, err := folder.Stat()
	if err != nil {
		return fmt.Errorf("stat() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
		if err := folder.Chown(uid, -1); err != nil {
			return fmt.Errorf("chown(\"%s\", %d) failed (%s)%s", name, uid, errorlog.Reason(err), privilege.Why(err, privilege.Chown))
		}
		*f = append(*f, func() { _ = os.Lchown(name, int(st.Uid), -1) })
	}
	if mode := info.Mode().Perm(); mode&0o700 != 0o700 {
		if err := folder.Chmod(mode | 0o700); err != nil {
			return fmt.Errorf("chmod() \"%s\" failed (%s)", name, errorlog.Reason(err))
		}
		*f = append(*f, func() { _ = os.Chmod(name, mode) })
	}
	return nil
}
