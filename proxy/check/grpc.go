package check

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"tandem/proxy/answer"
	"tandem/proxy/checker"
)

// grpcCheck asks the health service of a gRPC server
// (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
type grpcCheck struct {
	service string // whose health is asked for; "": the server's
	status  int    // of gRPC, which is as good as healthy; 0: none
}

const healthMethod = "/grpc.health.v1.Health/Check"

// maxStatus is the highest status code of gRPC.
const maxStatus = 16

func (g *grpcCheck) parameter(name, value string) error {
	if name == "grpc_service" {
		g.service = value
		if value == "" || len(value) > 127 {
			return checker.ErrParameter
		}
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil || n == 0 || n > maxStatus {
		return checker.ErrParameter
	}
	g.status = int(n)
	return nil
}

// question returns the message that asks: HealthCheckRequest{service = 1}, not
// compressed.
func (g *grpcCheck) question() []byte {
	var text []byte
	if g.service != "" {
		text = append(append(text, 1<<3|2, byte(len(g.service))), g.service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...)
}

// serving is SERVING of HealthCheckResponse{status = 1}.
const serving = 1

// judge says what is wrong with a peer that has answered, nil for nothing.
func (g *grpcCheck) judge(h *answer.Head, body []byte) *checker.Failure {
	if h.Status != 200 {
		return &checker.Failure{Action: "checking status code", Reason: fmt.Sprintf("status is %d", h.Status)}
	}
	told := find(h.Trailers, "grpc-status")
	if told == nil {
		told = find(h.Fields, "grpc-status")
	}
	status, err := strconv.Atoi(string(told))
	switch {
	case err != nil:
		return &checker.Failure{Action: "checking gRPC status", Reason: "there is no grpc-status"}
	case status != 0 && status == g.status:
		return nil
	case status != 0:
		return &checker.Failure{Action: "checking gRPC status", Reason: fmt.Sprintf("grpc-status is %d", status)}
	}
	if health, ok := parseHealth(body); !ok || health != serving {
		return &checker.Failure{Action: "checking gRPC health", Reason: fmt.Sprintf("health is %d", health)}
	}
	return nil
}

func find(fields []answer.Field, name string) []byte {
	for i := range fields {
		if string(fields[i].Name) == name {
			return fields[i].Value
		}
	}
	return nil
}

// parseHealth reads the status of a HealthCheckResponse, 0 if it does not say.
func parseHealth(body []byte) (status uint64, ok bool) {
	if len(body) < 5 || body[0] != 0 || uint64(binary.BigEndian.Uint32(body[1:])) != uint64(len(body)-5) {
		return 0, false
	}
	for rest := body[5:]; len(rest) > 0; {
		key, n := binary.Uvarint(rest)
		if n <= 0 || key&7 != 0 {
			return 0, false // it has no fields of other types
		}
		value, m := binary.Uvarint(rest[n:])
		if m <= 0 {
			return 0, false
		}
		if key>>3 == 1 {
			status = value
		}
		rest = rest[n+m:]
	}
	return status, true
}
