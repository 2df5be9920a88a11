package command

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tandem/node/configuration"
	"tandem/status"
	"tandem/status/board"
)

const dashboardUsage = `Usage: tandem dashboard [--port=NUMBER] [-p prefix] [-c filename]
                        [-g directives]

Shows how the running tandem stands as a page for a browser, live, with buttons
to demote, promote, drain and reload, until Ctrl-C. The page is at an address
of this host alone that nobody can guess; from elsewhere it is reached with
ssh -L PORT:127.0.0.1:PORT.

  --port    : of 127.0.0.1; without it one that is free
  -p -c -g  : which tandem, as for -s: the one whose pid file they name

Exit code: 0 ended by Ctrl-C, 2 no tandem running, 3 the command line is wrong or
the port cannot be had.
`

// dashboard is the dashboard command.
func dashboard(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	port := "0"
	var rest []string
	for _, a := range args {
		word, value, _ := strings.Cut(a, "=")
		switch word {
		case "--port":
			port = value
		case "--help", "-h", "-?":
			fmt.Fprint(stdout, dashboardUsage)
			return 0
		default:
			rest = append(rest, a)
		}
	}
	o, err := parseOptions(rest, configuration.Modules{})
	if err == nil && (o.signal != "" || o.test || o.version) {
		err = errors.New("only -p, -c and -g of nginx's options have a meaning here")
	}
	if err != nil {
		fmt.Fprintf(stderr, "tandem: %v\n%s", err, dashboardUsage)
		return status.ExitUnknown
	}
	far := far{socket: status.Name(o.runningPIDFile())}
	if _, err := far.report(); err != nil {
		fmt.Fprintf(stderr, "tandem: no tandem is running here, or it cannot be asked (%v)\n", err)
		return status.ExitNotRunning
	}
	l, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintf(stderr, "tandem: %v\n", err)
		return status.ExitUnknown
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	secret := rand.Text()
	fmt.Fprintf(stdout, "http://%s/%s/\n", l.Addr(), secret)
	mux := http.NewServeMux()
	mux.Handle("/"+secret+"/{$}", http.NewCrossOriginProtection().Handler(far))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		<-ctx.Done()
		_ = s.Close()
	}()
	_ = s.Serve(l)
	return 0
}

// far is a node behind its control socket.
type far struct{ socket string }

func (f far) report() (*status.Report, error) {
	var answer bytes.Buffer
	if _, err := status.Ask(f.socket, status.Question, &answer); err != nil {
		return nil, err
	}
	r := new(status.Report)
	return r, json.Unmarshal(answer.Bytes(), r)
}

// ServeHTTP shows the page, keeps it up to date, and gives its orders.
func (f far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		f.order(w, r.URL.Query().Get("order"))
	case r.Method != http.MethodGet:
		http.Error(w, "only GET and POST", http.StatusMethodNotAllowed)
	case r.URL.RawQuery == "events":
		f.follow(w, r)
	default:
		for _, h := range board.Headers {
			w.Header().Set(h.Name, h.Value)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(board.Page())
	}
}

func (f far) order(w http.ResponseWriter, command string) {
	w.Header().Set("Content-Type", "application/json")
	if !board.IsOrder(command) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(board.Answer(false, "there is no such order"))
		return
	}
	var out bytes.Buffer
	code, err := status.Ask(f.socket, command, &out)
	if err != nil {
		_, _ = w.Write(board.Answer(false, err.Error()))
		return
	}
	_, _ = w.Write(board.Answer(code == 0, status.Message(out.String())))
}

// follow sends a report each second. While the process does not answer the page
// says so by itself.
func (f far) follow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = io.WriteString(w, board.Hello)
	out := http.NewResponseController(w)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if report, err := f.report(); err == nil {
			_, _ = w.Write(board.Event(report, true))
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}
