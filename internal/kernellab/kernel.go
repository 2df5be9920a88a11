package kernellab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// rootEnv names a folder with boot/vmlinuz-* and lib/modules/*.
const rootEnv = "TANDEM_KERNEL"

// kernel is one to boot, with its modules.
type kernel struct {
	image   string // file
	version string
	modules string // folder lib/modules/VERSION
	// needs are the modules that each module needs, by its file below modules.
	needs map[string][]string
}

// wantedModules are the modules that tests may need, as beginnings of their
// files' names.
var wantedModules = []string{
	"kernel/net/netfilter/ipvs/", "kernel/net/netfilter/nf_tables", "kernel/net/netfilter/nft_", "kernel/net/netfilter/nf_nat",
	"kernel/net/netfilter/nf_conntrack.", "kernel/net/ipv4/netfilter/nf_reject", "kernel/net/ipv6/netfilter/nf_reject",
	"kernel/net/netfilter/nfnetlink.", "kernel/net/xfrm/", "kernel/net/8021q/", "kernel/net/bridge/bridge.", "kernel/net/ipv4/ipip.", "kernel/net/ipv4/fou.", "kernel/net/ipv4/ip_gre.", "kernel/net/ipv4/gre.",
	"kernel/net/ipv6/ip6_tunnel.", "kernel/net/ipv6/sit.", "kernel/net/sched/sch_netem.", "kernel/net/sched/sch_tbf.",
	"kernel/drivers/net/bonding/", "kernel/drivers/net/ipvlan/", "kernel/drivers/net/vrf.", "kernel/drivers/net/veth.",
	"kernel/drivers/net/dummy.", "kernel/drivers/net/macvlan.", "kernel/crypto/", "kernel/lib/",
}

// findKernel returns the newest kernel that is there, or why there is none.
func findKernel() (*kernel, error) {
	var roots []string
	if root := os.Getenv(rootEnv); root != "" {
		roots = []string{root}
	} else {
		if cache, err := os.UserCacheDir(); err == nil {
			roots = append(roots, filepath.Join(cache, "tandem", "kernel"))
		}
		roots = append(roots, "/var/cache/tandem/kernel", "/")
	}
	for _, root := range roots {
		images, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
		for i := len(images) - 1; i >= 0; i-- {
			k := &kernel{image: images[i], version: strings.TrimPrefix(filepath.Base(images[i]), "vmlinuz-")}
			k.modules = filepath.Join(root, "lib", "modules", k.version)
			if _, err := os.Stat(filepath.Join(k.modules, "kernel", "net", "netfilter", "ipvs")); err != nil {
				continue
			}
			return k, k.readNeeds(root)
		}
	}
	return nil, fmt.Errorf("no kernel with IPVS in %s; .ci/kernel gets Debian's", strings.Join(roots, ", "))
}

// readNeeds has depmod say which module needs which.
func (k *kernel) readNeeds(root string) error {
	out, err := exec.Command("depmod", "-n", "-b", root, k.version).Output()
	if err != nil {
		return fmt.Errorf("depmod: %w", err)
	}
	k.needs = map[string][]string{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		file, needs, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.HasPrefix(file, "kernel/") && strings.Contains(file, ".ko") {
			k.needs[file] = strings.Fields(needs)
		}
	}
	if len(k.needs) == 0 {
		return errors.New("depmod found no modules")
	}
	return nil
}

// addTo adds the wanted modules to an image; depmod, which runs inside of a
// folder, indexes them for modprobe.
func (k *kernel) addTo(m *image, scratch string) error {
	dir := filepath.Join(scratch, "lib", "modules", k.version)
	added := map[string]bool{}
	var add func(file string) error
	add = func(file string) error {
		if added[file] {
			return nil
		}
		added[file] = true
		to := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join(k.modules, filepath.FromSlash(file)), to); err != nil {
			return err
		}
		if err := m.file(path.Join("/lib/modules", k.version, file), to); err != nil {
			return err
		}
		for _, need := range k.needs[file] {
			if err := add(need); err != nil {
				return err
			}
		}
		return nil
	}
	for file := range k.needs {
		for _, wanted := range wantedModules {
			if strings.HasPrefix(file, wanted) {
				if err := add(file); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range []string{"modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		if err := os.Symlink(filepath.Join(k.modules, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if out, err := exec.Command("depmod", "-b", scratch, k.version).CombinedOutput(); err != nil {
		return fmt.Errorf("depmod: %w\n%s", err, out)
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "modules.*"))
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if err := m.file(path.Join("/lib/modules", k.version, filepath.Base(index)), index); err != nil {
			return err
		}
	}
	return nil
}
