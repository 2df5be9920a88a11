package nginxconf

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// style is a type of its own, as most enumerations have.
type style int

// settings has one value for each setter.
type settings struct {
	flag    Value[bool]
	str     Value[string]
	size    Value[int64]
	offset  Value[int64]
	msec    Value[time.Duration]
	sec     Value[time.Duration]
	number  Value[int]
	least   Value[int]
	enum    Value[style]
	mask    Value[int]
	bufs    Value[Bufs]
	strings Value[[]string]
	keyvals Value[[]Keyval]
}

func of[T any](get func(*settings) *Value[T]) func(*Scope) *Value[T] {
	return func(s *Scope) *Value[T] { return get(s.Data.(*settings)) }
}

var settersTable = NewTable([]Command{
	{"flag", Main, Flag, SetFlag(of(func(s *settings) *Value[bool] { return &s.flag }))},
	{"str", Main, Take1, SetString(of(func(s *settings) *Value[string] { return &s.str }))},
	{"size", Main, Take1, SetSize(of(func(s *settings) *Value[int64] { return &s.size }))},
	{"offset", Main, Take1, SetOffset(of(func(s *settings) *Value[int64] { return &s.offset }))},
	{"msec", Main, Take1, SetMsec(of(func(s *settings) *Value[time.Duration] { return &s.msec }))},
	{"sec", Main, Take1, SetSec(of(func(s *settings) *Value[time.Duration] { return &s.sec }))},
	{"number", Main, Take1, SetNumber(of(func(s *settings) *Value[int] { return &s.number }), Bounds(2, 4))},
	{"least", Main, Take1, SetNumber(of(func(s *settings) *Value[int] { return &s.least }), Bounds(2, -1))},
	{"enum", Main, Take1, SetEnum(of(func(s *settings) *Value[style] { return &s.enum }), Name{"off", 0}, Name{"exact", 1}, Name{"before", 2})},
	{"mask", Main, OneMore, SetBitmask(of(func(s *settings) *Value[int] { return &s.mask }), Name{"error", 1}, Name{"timeout", 2}, Name{"http_500", 4})},
	{"bufs", Main, Take2, SetBufs(of(func(s *settings) *Value[Bufs] { return &s.bufs }))},
	{"strings", Main, Take1, SetStrings(of(func(s *settings) *Value[[]string] { return &s.strings }))},
	{"keyvals", Main, Take2, SetKeyvals(of(func(s *settings) *Value[[]Keyval] { return &s.keyvals }))},
})

func TestSetters(t *testing.T) {
	var got settings
	errs := bindText(t, `flag ON; str "a b"; size 1k; offset 1g; msec 1500ms; sec 1M; number 3; least 5; enum Before;
mask error Timeout; mask http_500; bufs 8 4k; strings a; strings b; keyvals a b; keyvals c "";`, settersTable, &got)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := settings{
		flag:    Value[bool]{true, true},
		str:     Value[string]{"a b", true},
		size:    Value[int64]{1024, true},
		offset:  Value[int64]{1 << 30, true},
		msec:    Value[time.Duration]{1500 * time.Millisecond, true},
		sec:     Value[time.Duration]{30 * 24 * time.Hour, true},
		number:  Value[int]{3, true},
		least:   Value[int]{5, true},
		enum:    Value[style]{2, true},
		mask:    Value[int]{7, true},
		bufs:    Value[Bufs]{Bufs{8, 4096}, true},
		strings: Value[[]string]{[]string{"a", "b"}, true},
		keyvals: Value[[]Keyval]{[]Keyval{{"a", "b"}, {"c", ""}}, true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSettersMessages(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"flag on; flag off;", `"flag" directive is duplicate`},
		{"str ''; str a;", `"str" directive is duplicate`},
		{"size 0; size 0;", `"size" directive is duplicate`},
		{"enum off; enum off;", `"enum" directive is duplicate`},
		{"bufs 1 1; bufs 1 1;", `"bufs" directive is duplicate`},
		{"number 3; number 99;", `"number" directive is duplicate`},
		{"flag 1;", `invalid value "1" in "flag" directive, it must be "on" or "off"`},
		{"size 1g;", `"size" directive invalid value`},
		{"offset x;", `"offset" directive invalid value`},
		{"msec 1M;", `"msec" directive invalid value`},
		{"sec 1ms;", `"sec" directive invalid value`},
		{"number x;", `"number" directive invalid number`},
		{"number 1;", `value must be between 2 and 4`},
		{"number 5;", `value must be between 2 and 4`},
		{"least 1;", `value must be equal to or greater than 2`},
		{"enum after;", `invalid value "after"`},
		{"mask error never;", `invalid value "never"`},
		{"mask error error;", `duplicate value "error"`},
		{"mask error; mask timeout error;", `duplicate value "error"`},
		{"bufs 0 4k;", `"bufs" directive invalid value`},
	} {
		errs := bindText(t, test.text, settersTable, &settings{})
		if got, want := errs.Error(), test.want+" in /nginx.conf:1"; got != want {
			t.Errorf("%s: %s, want %s", test.text, got, want)
		}
	}
	errs := bindText(t, "mask error error;", settersTable, &settings{})
	if errs.Failed() {
		t.Error("a value given twice is only worth a warning")
	}
}

func TestInherit(t *testing.T) {
	unset, one, two := Value[int]{}, Value[int]{1, true}, Value[int]{2, true}
	for _, test := range []struct {
		outer, middle, inner Value[int]
		want                 string
	}{
		{unset, unset, unset, "9 9 9"},
		{one, unset, unset, "1 1 1"},
		{unset, one, unset, "9 1 1"},
		{unset, unset, one, "9 9 1"},
		{one, two, unset, "1 2 2"},
		{one, unset, two, "1 1 2"},
		{Value[int]{0, true}, unset, unset, "0 0 0"},
		{one, Value[int]{0, true}, unset, "1 0 0"},
	} {
		outer, middle, inner := test.outer, test.middle, test.inner
		outer.Inherit(Value[int]{}, 9)
		middle.Inherit(outer, 9)
		inner.Inherit(middle, 9)
		if got := fmt.Sprint(outer.V, middle.V, inner.V); got != test.want {
			t.Errorf("%v %v %v: %s, want %s", test.outer, test.middle, test.inner, got, test.want)
		}
	}
	v := unset
	v.Inherit(unset, 9)
	if v.Set {
		t.Error("a default counts as written")
	}
	v.Inherit(one, 9)
	if !v.Set {
		t.Error("what an outer level wrote does not count as written")
	}
}
