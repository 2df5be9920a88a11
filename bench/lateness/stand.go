package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// device is the name of every host's interface.
const device = "ens33"

// pageSize is the size of the file that the flood asks for, in bytes.
const pageSize = 612

// stand is the network and what runs in it.
type stand struct {
	lab             *lab.Lab
	dir             string
	tandem, classic *program
}

// program is a program that is measured, on a host of its own.
type program struct {
	name string
	vrid byte // the two do not heed one another
	host *lab.Host
	wire *lab.Capture // what the host sends and hears
	// late is how late each advert was, from when they were sent.
	late func([]time.Time, time.Duration) []time.Duration
}

// isAdvert recognizes the program's own adverts.
func (p *program) isAdvert(f lab.Frame) bool {
	const ethernet, ip, protocolAt, protocol = 14, 20, 14 + 9, 112
	d := f.Data
	return len(d) >= ethernet+ip+8 && d[12] == 8 && d[13] == 0 && d[protocolAt] == protocol && d[ethernet+ip+1] == p.vrid
}

func newStand(o options) (s *stand, err error) {
	s = &stand{
		tandem:  &program{name: "tandem", vrid: 51, late: bySchedule},
		classic: &program{name: "keepalived", vrid: 52, late: byGap},
	}
	if s.lab, err = lab.Open(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	// /run is the lab's own.
	if s.dir, err = os.MkdirTemp("/run", "lateness-"); err != nil {
		return nil, err
	}
	sw, err := s.lab.Switch()
	if err != nil {
		return nil, err
	}
	for i, p := range s.programs() {
		if p.host, err = s.lab.Host(p.name); err != nil {
			return nil, err
		}
		address := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 200, byte(7 + i)}), 24)
		port, err := sw.Connect(p.host, device, address)
		if err != nil {
			return nil, err
		}
		if p.wire, err = port.Capture(); err != nil {
			return nil, err
		}
	}
	if err = s.startTandem(o); err == nil {
		err = s.startKeepalived(o)
	}
	return s, err
}

func (s *stand) programs() []*program { return []*program{s.tandem, s.classic} }

func (s *stand) close() {
	for _, p := range s.programs() {
		if p.wire != nil {
			_ = p.wire.Close()
		}
	}
	_ = s.lab.Close()
	_ = os.RemoveAll(s.dir)
}

// vrrp is a keepalived.conf with one instance, as in examples/pair but for the
// version and the interval.
func vrrp(vrid byte, interval time.Duration) string {
	return fmt.Sprintf(`global_defs {
    router_id LVS_7
    vrrp_version 3
}
vrrp_instance VI_7 {
    state MASTER
    interface %s
    virtual_router_id %d
    priority 100
    advert_int %g
    virtual_ipaddress {
        192.168.200.%d
    }
}
`, device, vrid, interval.Seconds(), 200+vrid)
}

const web = `events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 100000000;
    server {
        listen 80;
        location / { root html; }
    }
}
`

func (s *stand) startTandem(o options) error {
	prefix := filepath.Join(s.dir, "tandem")
	for name, text := range map[string]string{
		"conf/nginx.conf": web, "keepalived.conf": vrrp(s.tandem.vrid, o.interval),
		"html/index.html": strings.Repeat("x", pageSize), "logs/console.log": "",
	} {
		file := filepath.Join(prefix, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return s.start(s.tandem.host, o, scenario.Binary(), "-p", prefix, "-c", "conf/nginx.conf", "-k", "keepalived.conf", "-g", "daemon off; user root;")
}

func (s *stand) startKeepalived(o options) error {
	file := func(name string) string { return filepath.Join(s.dir, name) }
	if err := os.WriteFile(file("keepalived.conf"), []byte(vrrp(s.classic.vrid, o.interval)), 0o644); err != nil {
		return err
	}
	return s.start(s.classic.host, o, "keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", file("keepalived.conf"), "-p", file("pid"), "-r", file("vrrp.pid"))
}

// start starts a program with or without the right to set its scheduling.
func (s *stand) start(h *lab.Host, o options, program string, args ...string) error {
	if !o.nice {
		args = append([]string{"--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice", program}, args...)
		program = "setpriv"
	}
	out, err := os.Create(filepath.Join(s.dir, h.Name+".log"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	_, err = h.Start(cmd)
	return err
}

// lastWords is what the programs have printed.
func (s *stand) lastWords() string {
	text := ""
	for _, p := range s.programs() {
		data, _ := os.ReadFile(filepath.Join(s.dir, p.name+".log"))
		text += fmt.Sprintf("%s:\n%s", p.name, data)
	}
	return text
}

// load begins what else the machine does, for about a time. The function that
// is returned ends it and says what it came to.
func (s *stand) load(name string, d time.Duration) (end func() string, err error) {
	var busy, flood bool
	switch name {
	case "idle":
	case "busy":
		busy = true
	case "flood":
		flood = true
	case "both":
		busy, flood = true, true
	default:
		return nil, fmt.Errorf("there is no load %q", name)
	}
	var reckoning []*lab.Process
	if busy {
		for range 2 * processors() {
			p, err := s.classic.host.Start(exec.Command("sh", "-c", "while :; do :; done"))
			if err != nil {
				return nil, err
			}
			reckoning = append(reckoning, p)
		}
	}
	var client *lab.Process
	var said strings.Builder
	if flood {
		cmd := exec.Command("wrk", "-t1", "-c64", fmt.Sprintf("-d%ds", int(d.Seconds())), "http://127.0.0.1/index.html")
		cmd.Stdout, cmd.Stderr = &said, &said
		if client, err = s.tandem.host.Start(cmd); err != nil {
			return nil, err
		}
	}
	return func() string {
		for _, p := range reckoning {
			_ = p.Kill()
			<-p.Ended()
		}
		if client == nil {
			return ""
		}
		<-client.Ended()
		for line := range strings.SplitSeq(said.String(), "\n") {
			if rate, ok := strings.CutPrefix(line, "Requests/sec:"); ok {
				return strings.TrimSpace(rate) + " requests a second, "
			}
		}
		return said.String() + ", "
	}, nil
}

// begun waits until both programs are masters.
func (s *stand) begun(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, p := range s.programs() {
		if _, err := p.wire.Wait(ctx, p.isAdvert); err != nil {
			return fmt.Errorf("%w\n%s", err, s.lastWords())
		}
	}
	return nil
}
