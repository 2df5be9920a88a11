package exchange

import "tandem/web"

// passEarlyHints sends the headers of an interim response of so many bytes to the
// client; otherwise the try has ended.
func (x *Exchange) passEarlyHints(size int) (outcome, bool) {
	defer x.Head.Reset()
	x.hints += size
	if x.hints > int(x.Settings.BufferSize.V) {
		x.log(logInfo, readingHead, "upstream sent too big early hints")
		return outcome{}, true
	}
	var fields []web.ResponseField
	for i := range x.Head.Fields {
		if f := &x.Head.Fields[i]; !x.Settings.Answers.Hides(f) {
			fields = append(fields, web.ResponseField{Name: f.Name, Value: f.Value})
		}
	}
	if err := x.Request.SendEarlyHints(fields); err != nil {
		x.Request.LogSendError(err)
		x.finish(false)
		return outcome{code: web.Error}, false
	}
	return outcome{}, true
}
