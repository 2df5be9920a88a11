// Package upstream chooses back ends: groups of peers, the balancers that
// choose among them, which peers are out of service and until when, and the
// idle connections kept for reuse. It knows neither HTTP nor any other
// protocol, and no configuration.
//
// Balancers are pure: they see the peers and the time that the caller gives
// them, and no clock. A Group serialises the choices of all requests.
package upstream
