package answer

import (
	"os"

	"tandem/web/openfile"
)

// Copy is what goes to a client being written to a temporary file, too, which
// takes its place when it is complete. Its user says what is complete, and where
// that place is.
type Copy struct {
	// To is the name of the file when it is complete.
	To string
	// Create makes the temporary file when there is something to write.
	Create func() (*os.File, error)

	file *os.File // nil until there is something to write
	name string   // of file; "" when it is not there any more
	size int64
	done bool // given up, or in its place
}

// Size returns how many bytes have been written.
func (c *Copy) Size() int64 { return c.size }

// Live reports whether the copy goes on: it has neither been given up nor got
// its place.
func (c *Copy) Live() bool { return c != nil && !c.done }

// File returns what has been written, which can be read until Close even if the
// copy was given up.
func (c *Copy) File() *os.File { return c.file }

// Write appends data and returns where in the file it is. A copy that cannot be
// written is given up.
func (c *Copy) Write(data []byte) (off int64, err error) {
	if err = c.open(); err == nil {
		_, err = c.file.WriteAt(data, c.size)
	}
	if err != nil {
		c.Drop()
		return -1, err
	}
	off = c.size
	c.size += int64(len(data))
	return off, nil
}

func (c *Copy) open() error {
	if c.file != nil {
		return nil
	}
	f, err := c.Create()
	if err == nil {
		c.file, c.name = f, f.Name()
	}
	return err
}

// Keep gives a complete copy, which may be empty, its place. One that cannot get
// there is given up.
func (c *Copy) Keep(move openfile.Move) error {
	err := c.open()
	if err == nil {
		err = move.Do(c.name, c.To)
	}
	if err != nil {
		c.Drop()
		return err
	}
	c.name, c.done = "", true
	return nil
}

// Drop gives the copy up.
func (c *Copy) Drop() {
	if c.name != "" {
		_ = os.Remove(c.name)
	}
	c.name, c.done = "", true
}

// Close ends the use of the copy, which is given up unless it has its place.
func (c *Copy) Close() {
	c.Drop()
	if c.file != nil {
		_ = c.file.Close()
	}
}
