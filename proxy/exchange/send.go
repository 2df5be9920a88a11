package exchange

// sendRequest sends the request with its body.
func (x *Exchange) sendRequest() (outcome, bool) {
	r := x.Request
	x.sent = true
	body := &r.Main.Body
	if r.NoBody || !x.Settings.PassRequestBody.V || !body.Read || body.Len == 0 {
		if _, err := x.conn.Write(x.out); err != nil {
			return x.failed(err, "send()", sending), false
		}
		return outcome{}, true
	}
	var err error
	if body.File == nil {
		_, err = x.conn.Writev(x.out, body.Data)
	} else if _, err = x.conn.WriteMore(x.out); err == nil {
		_, err = x.conn.SendFile(body.File, 0, body.Len)
	}
	if err != nil {
		return x.failed(err, "send()", sending), false
	}
	return outcome{}, true
}
