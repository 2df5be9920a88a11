package keepalivedconf

// ClientTLS is the SSL block: what SSL_GET shows to real servers. Files may be "".
type ClientTLS struct {
	Pos              Pos
	Password         string // of the key
	CA               string // file
	Certificate, Key string // files
}

var clientTLSRows = newRows(
	clientTLSFile("password", "password", func(t *ClientTLS) *string { return &t.Password }),
	clientTLSFile("ca", "cafile", func(t *ClientTLS) *string { return &t.CA }),
	clientTLSFile("certificate", "certfile", func(t *ClientTLS) *string { return &t.Certificate }),
	clientTLSFile("key", "keyfile", func(t *ClientTLS) *string { return &t.Key }),
)

func clientTLSFile(name, what string, field func(*ClientTLS) *string) row[ClientTLS] {
	return row[ClientTLS]{name: name, set: func(b *builder, t *ClientTLS, s *Statement) {
		if b.named(s, "SSL "+what+" missing") {
			*field(t) = s.Arg(1)
		}
	}}
}

// addClientTLS reads an SSL block.
func addClientTLS(b *builder, c *Config, s *Statement) {
	if c.ClientTLS != nil {
		b.err(s, "SSL context already specified - replacing")
	}
	c.ClientTLS = &ClientTLS{Pos: s.Pos}
	clientTLSRows.walk(b, c.ClientTLS, s.Body, nil)
}
