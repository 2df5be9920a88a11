package block

import "tandem/proxy/upstream"

// Target is where a request goes.
type Target struct {
	Group  *upstream.Group
	Scheme string // as logs have it: "http://"
	TLS    bool
	// Name is what the certificate of the back end must be for.
	Name string

	block *block // says how to choose among the peers; nil for addresses that were found for the request
}
