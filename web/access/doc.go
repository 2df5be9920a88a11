// Package access decides who may do what: by password (auth_basic), by the answer
// to another request (auth_request), by where the client comes from
// (valid_referers) and by signed links (secure_link). By address see
// session/access.
package access

import nc "tandem/nginxconf"

const everywhere = nc.HTTP | nc.Server | nc.Location | nc.LimitExcept
