package wire

// nginx's defaults of message.Limits.
const (
	defaultHeaderBuffer = 1024
	defaultLargeCount   = 4
	defaultLargeSize    = 8192
	defaultMaxHeaders   = 1000
)

func orDefault(v, def int) int {
	if v <= 0 {
		return def
	}
	return v
}
