package interop

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// services is a configuration with each way to check, to forward and to be reached.
const services = `
global_defs {
    script_user root
    enable_script_security
}
track_file share {
    file "DIR/share"
    weight 2
}
virtual_server_group WEB {
    192.168.200.100 80
    192.168.200.101 80
    192.168.200.110-112 80
    fwmark 7
}
virtual_server group WEB {
    delay_loop 1
    retry 1
    delay_before_retry 1
    warmup 0
    connect_timeout 2
    protocol TCP
    lb_algo wrr
    lb_kind NAT
    quorum 3
    sorry_server 198.51.100.3 80
    real_server 198.51.100.1 8080 {
        weight 2
        TCP_CHECK {
        }
    }
    real_server 198.51.100.2 8080 {
        weight 2
        HTTP_GET {
            url {
                path /
                status_code 200
            }
        }
    }
}
virtual_server 192.168.200.100 443 {
    delay_loop 1
    warmup 0
    protocol TCP
    lb_algo mh
    mh-port
    mh-fallback
    lb_kind DR
    persistence_timeout 120
    persistence_granularity 255.255.255.0
    alpha
    real_server 198.51.100.1 443 {
        inhibit_on_failure
        retry 1
        delay_before_retry 1
        TCP_CHECK {
            connect_port 8080
        }
    }
    real_server 198.51.100.2 443 {
        weight 5
        uthreshold 100
        MISC_CHECK {
            misc_path "DIR/check"
            misc_timeout 10
            misc_dynamic
        }
    }
}
virtual_server 2001:db8:200::100 53 {
    delay_loop 1
    warmup 0
    protocol UDP
    ops
    lb_algo rr
    lb_kind TUN type gue port 6080 csum
    real_server 198.51.100.1 53 {
        weight 10
        FILE_CHECK {
            track_file share
        }
    }
    real_server 2001:db8:51::2 53 {
        weight 3
        TCP_CHECK {
            connect_port 8080
            retry 0
            delay_before_retry 1
        }
    }
}
virtual_server fwmark 9 {
    delay_loop 1
    lb_algo sh
    sh-port
    lb_kind DR
    real_server 198.51.100.1 {
    }
}
`

// Both programs tell the kernel the same, whatever fails.
func TestKernelBesideKeepalived(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.write("check", strings.ReplaceAll("#!/bin/sh\nread n <DIR/exit\nexit $n\n", "DIR", p.shared), 0o755)
	p.write("exit", "0\n", 0o644)
	p.write("share", "1\n", 0o644)
	p.listen(1, 8080)
	p.listen(2, 8080)
	p.configure(services)
	p.start()

	const (
		web1  = "-a -t 192.168.200.100:80 -r 198.51.100.1:8080 -m -w 2"
		web2  = "-a -t 192.168.200.101:80 -r 198.51.100.2:8080 -m -w 2"
		mark1 = "-a -f 7 -r 198.51.100.1:8080"
		sorry = "-a -t 192.168.200.100:80 -r 198.51.100.3:80 -m -w 1"
		tls1  = "-a -t 192.168.200.100:443 -r 198.51.100.1:443 -g -w "
		tls2  = "-a -t 192.168.200.100:443 -r 198.51.100.2:443 -g -w "
		dns1  = "-a -u [2001:db8:200::100]:53 -r 198.51.100.1:53 -i -w "
		dns2  = "-a -u [2001:db8:200::100]:53 -r [2001:db8:51::2]:53 -i -w 3"
	)
	p.stage("all are well", web1, web2, mark1, tls1+"1", tls2+"5", dns1+"12", dns2, "-A -f 9 -s sh -b sh-port")
	p.silence(1, 8080)
	p.stage("the first fails: less than the quorum is left", "!"+web1, sorry, tls1+"0", tls2+"5", dns2)
	p.listen(1, 8080)
	p.stage("the first is back", web1, web2, "!"+sorry, tls1+"1")
	p.silence(2, 8080)
	p.stage("the second fails", "!"+web2, sorry, "!"+dns2)
	p.silence(1, 8080)
	p.stage("both fail", "!"+mark1, sorry, tls1+"0")
	p.listen(2, 8080)
	p.listen(1, 8080)
	p.stage("both are back", web1, web2, "!"+sorry, dns2, tls1+"1")
	p.write("exit", "42\n", 0o644)
	p.write("share", "-3\n", 0o644)
	p.stage("weights change", tls2+"40", dns1+"4")
	p.write("exit", "1\n", 0o644)
	p.write("share", "-2147483647\n", 0o644)
	p.stage("a script and a file say no", "!"+tls2, "!"+dns1)
	p.write("exit", "0\n", 0o644)
	p.write("share", "0\n", 0o644)
	p.stage("and yes again", tls2+"5", dns1+"10")

	// A reload changes what it must. (keepalived forgets the weight of a script that ends with 0 until its next run.)
	p.write("exit", "42\n", 0o644)
	p.stage("before the reload", tls2+"40")
	reloaded := strings.NewReplacer("    192.168.200.101 80\n", "    192.168.200.101 80\n    192.168.200.102 80\n", "weight 3", "weight 4",
		"lb_algo sh\n    sh-port", "lb_algo rr").Replace(services) + `
virtual_server fwmark 10 {
    delay_loop 1
    lb_algo rr
    lb_kind NAT
    sorry_server 198.51.100.3 80
    real_server 198.51.100.1 80 {
        weight 7
    }
}
`
	p.configure(reloaded)
	p.signal(syscall.SIGHUP)
	p.stage("reloaded", "-a -t 192.168.200.102:80 -r 198.51.100.1:8080 -m -w 2", web1, "[2001:db8:51::2]:53 -i -w 4",
		"-A -f 9 -s rr\n", "-a -f 10 -r 198.51.100.1:80 -m -w 7", tls2+"40")
	p.silence(1, 8080)
	p.stage("the first fails after the reload", "!198.51.100.1:8080", "-r 198.51.100.3:80", tls1+"0")
	p.configure(reloaded[:strings.Index(reloaded, "virtual_server fwmark 9")])
	p.signal(syscall.SIGHUP)
	p.stage("some are gone", "!-f 9", "!-f 10", "!198.51.100.1:8080", tls1+"0")

	p.signal(syscall.SIGTERM)
	for _, d := range p.directors {
		select {
		case <-d.process.Ended():
		case <-time.After(stageLimit):
			t.Fatalf("%s does not end", d.program)
		}
	}
	// keepalived 2.2 leaves addresses of groups that a reload has changed.
	if left := p.directors[0].rules(); left != "" {
		t.Errorf("tandem has left\n%s", left)
	}
	t.Logf("keepalived has left %q", p.directors[1].rules())
}
