package exchange

import nc "tandem/nginxconf"

// Condition is a set of the ways in which a try can fail, as
// proxy_next_upstream names them.
type Condition int

// The conditions.
const (
	OnError Condition = 1 << iota
	OnTimeout
	OnInvalidHeader
	On500
	On502
	On503
	On504
	On403
	On404
	On429
	OnNonIdempotent
	OnUpdating // of *_cache_use_stale, harmless here
	onNoLive
	Never // no other peer is asked, whatever happened
)

// NextUpstream are the conditions that proxy_next_upstream knows.
var NextUpstream = []nc.Name{
	{Name: "error", Value: int(OnError)},
	{Name: "timeout", Value: int(OnTimeout)},
	{Name: "invalid_header", Value: int(OnInvalidHeader)},
	{Name: "non_idempotent", Value: int(OnNonIdempotent)},
	{Name: "http_500", Value: int(On500)},
	{Name: "http_502", Value: int(On502)},
	{Name: "http_503", Value: int(On503)},
	{Name: "http_504", Value: int(On504)},
	{Name: "http_403", Value: int(On403)},
	{Name: "http_404", Value: int(On404)},
	{Name: "http_429", Value: int(On429)},
	{Name: "updating", Value: int(OnUpdating)},
	{Name: "off", Value: int(Never)},
}

// conditionOf returns the condition that a response's status is, 0 for none.
func conditionOf(status int) Condition {
	switch status {
	case 500:
		return On500
	case 502:
		return On502
	case 503:
		return On503
	case 504:
		return On504
	case 403:
		return On403
	case 404:
		return On404
	case 429:
		return On429
	}
	return 0
}

// status is what a request is answered with when the last try failed so.
func (c Condition) status() int {
	switch c {
	case OnTimeout, On504:
		return 504
	case On500:
		return 500
	case On503:
		return 503
	case On403:
		return 403
	case On404:
		return 404
	case On429:
		return 429
	}
	return 502
}
