package web

import "tandem/session"

// Getter appends the value of a variable that requests have to dst; found is
// false if it has none in this one (logged as "-").
type Getter func(r *Request, dst []byte) (value []byte, found bool)

// Variable is a variable that requests have; see session.Variable.
type Variable struct {
	Name       string // without "$"; one that ends in "_" is a family: $http_NAME
	Get        Getter
	Family     func(rest string) Getter // makes the getter of one member
	Set        func(r *Request, value []byte)
	Cached     bool // evaluated once a request
	Changeable bool // set, map and their like may define it anew
}

// RequestOf returns the request that a session of http is part of.
func RequestOf(s *session.Session) *Request { return s.Owner().(*Request) }

// ForSession makes a getter for sessions, which are those of requests.
func (get Getter) ForSession() session.Getter {
	if get == nil {
		return nil
	}
	return func(s *session.Session, dst []byte) ([]byte, bool) { return get(RequestOf(s), dst) }
}

// forSession makes of a variable of requests one of sessions.
func (v *Variable) forSession() session.Variable {
	out := session.Variable{Name: v.Name, Get: v.Get.ForSession(), Cached: v.Cached, Changeable: v.Changeable}
	if family := v.Family; family != nil {
		out.Family = func(rest string) session.Getter { return family(rest).ForSession() }
	}
	if set := v.Set; set != nil {
		out.Set = func(s *session.Session, value []byte) { set(RequestOf(s), value) }
	}
	return out
}

// addVariables offers the configuration the variables of all modules.
func (h *HTTP) addVariables() {
	add := func(vs []Variable) {
		var shared []session.Variable
		for i := range vs {
			shared = append(shared, vs[i].forSession())
		}
		h.AddVariables(shared)
	}
	h.AddVariables(session.Common)
	add(coreVariables)
	for _, m := range h.modules {
		add(m.Variables)
		h.AddVariables(m.Shared)
	}
}
