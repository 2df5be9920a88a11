package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"tandem/internal/privilege"
	"tandem/internal/rootfile"
)

// File follows the number in a file (track_file).
type File struct {
	Path string
	// Report is called with the number on each change, the first reading
	// included, from the goroutine of Run. It must not block.
	Report func(value int)
	// Log is told what somebody should look at.
	Log func(text string)
}

// fileInterval is how often a file is read. It may be written in place,
// replaced, or on a file system that tells nothing of changes.
const fileInterval = 100 * time.Millisecond

// Create makes the file with a number in it (init_file), unless it is there
// and is not to be overwritten.
func (f *File) Create(value int, overwrite bool) (err error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	privilege.Raise(func() {
		var file *os.File
		if file, err = rootfile.OpenFile(f.Path, flags|syscall.O_NOFOLLOW, 0o644); err != nil {
			return
		}
		_, err = fmt.Fprintf(file, "%d\n", value)
		err = errors.Join(err, file.Close())
	})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Run follows the file until the context ends.
func (f *File) Run(ctx context.Context) {
	ticker := time.NewTicker(fileInterval)
	defer ticker.Stop()
	last, known, wrong := 0, false, ""
	emptied := false // at the last reading
	for {
		value, empty, err := f.read()
		// A file that is written in place is empty for a moment, and its
		// number is not 0 then: that counts when it stays so.
		settled := !empty || emptied
		emptied = empty
		switch {
		case err != nil && err.Error() != wrong:
			// As in keepalived the number stays what it was.
			wrong = err.Error()
			f.Log(fmt.Sprintf("track_file %s: %v", f.Path, err))
		case err == nil:
			wrong = ""
		}
		if err == nil && settled && value != last || !known {
			last, known = value, true
			f.Report(value)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// read returns the number in the file: 0 if there is no file or no number in
// it, as in keepalived; and whether there is a file without any text.
func (f *File) read() (value int, empty bool, err error) {
	text, err := readStart(f.Path)
	if errors.Is(err, fs.ErrPermission) && privilege.Dropped() {
		privilege.Raise(func() { text, err = readStart(f.Path) })
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, false, nil
		}
		return 0, false, err
	}
	value, err = leadingNumber(text)
	return value, text == "", err
}

// readStart reads as much of a file as a number can take.
func readStart(name string) (string, error) {
	// A FIFO must not keep us waiting.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, errors.New("is no regular file"))
	}
	var buf [128]byte
	n, err := io.ReadFull(file, buf[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	return string(buf[:n]), nil
}

// leadingNumber reads a number as strtol with base 0 does: 12, 0x1f or 017,
// after spaces, whatever follows. The error says that it has more than 32 bits.
func leadingNumber(text string) (int, error) {
	rest := strings.TrimLeft(text, " \t\n\v\f\r")
	sign := 1
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			sign = -1
		}
		rest = rest[1:]
	}
	base := 10
	switch {
	case len(rest) > 2 && rest[0] == '0' && (rest[1]|0x20) == 'x' && digit(rest[2]) < 16:
		base, rest = 16, rest[2:]
	case len(rest) > 1 && rest[0] == '0':
		base = 8
	}
	n := 0
	for ; rest != "" && digit(rest[0]) < base; rest = rest[1:] {
		if n = n*base + digit(rest[0]); n > math.MaxInt32+1 {
			return 0, errors.New("the number is too large, the last one stays")
		}
	}
	return sign * n, nil
}

// digit returns the value of a digit, a large number for what is none.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return math.MaxInt
}
