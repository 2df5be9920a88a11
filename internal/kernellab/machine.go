package kernellab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const emulator = "qemu-system-x86_64"

// boot boots a kernel with an image, and returns what was printed to the channel
// and the kernel's own console, when the machine ends or ctx does.
func boot(ctx context.Context, k *kernel, m *image, scratch string) (channel, console []byte, err error) {
	initrd := filepath.Join(scratch, "initrd")
	f, err := os.Create(initrd)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(m.write(f), f.Close()); err != nil {
		return nil, nil, err
	}
	kernelLog := filepath.Join(scratch, "console")
	cmd := exec.CommandContext(ctx, emulator,
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
		"-machine", "pc,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1024",
		"-kernel", k.image, "-initrd", initrd,
		"-append", "console=ttyS0 rdinit=/init panic=-1 quiet mitigations=off nokaslr tsc=reliable random.trust_cpu=on",
		"-serial", "file:"+kernelLog, "-serial", "stdio")
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	console, _ = os.ReadFile(kernelLog)
	if err != nil {
		err = fmt.Errorf("%s: %w %s", emulator, err, complaint.Bytes())
	}
	return out.Bytes(), console, err
}
