package regex

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"unicode"
)

// members is a set as a dumb list of bytes.
func members(s set) (m [maxByte + 1]bool) {
	for c := range m {
		for _, x := range s {
			m[c] = m[c] || rune(c) >= x.lo && rune(c) <= x.hi
		}
	}
	return m
}

// tidy reports whether spans are in order and do not touch.
func tidy(s set) bool {
	for i, x := range s {
		if x.lo > x.hi || i > 0 && x.lo <= s[i-1].hi+1 {
			return false
		}
	}
	return true
}

// Sets are what a list of their members would be.
func TestSetsAreLists(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() set {
		var spans []span
		for range rng.IntN(5) {
			lo := rune(rng.IntN(maxByte + 1))
			spans = append(spans, span{lo, min(maxByte, lo+rune(rng.IntN(20)))})
		}
		return makeSet(spans...)
	}
	for range 2000 {
		a, b, top := random(), random(), rune(rng.IntN(maxByte+1))
		union, negated, cut, folded := a.union(b), a.negate(maxByte), a.upTo(top), a.foldASCII()
		for name, s := range map[string]set{"set": a, "union": union, "negation": negated, "cut": cut, "folded": folded} {
			if !tidy(s) {
				t.Fatalf("%s of %v and %v is %v", name, a, b, s)
			}
		}
		inA, inB, inUnion, inNegated, inCut, inFolded := members(a), members(b), members(union), members(negated), members(cut), members(folded)
		for c := range inA {
			other := c
			if r := rune(c); r < unicode.MaxASCII && unicode.IsLetter(r) {
				other = c ^ 0x20
			}
			if inUnion[c] != (inA[c] || inB[c]) || inNegated[c] == inA[c] || inCut[c] != (inA[c] && rune(c) <= top) || inFolded[c] != (inA[c] || inA[other]) {
				t.Fatalf("%#x in %v, %v", c, a, b)
			}
		}
		if !reflect.DeepEqual(negated.negate(maxByte), a) && len(a) > 0 {
			t.Fatalf("%v negated twice is %v", a, negated.negate(maxByte))
		}
	}
}

func TestSingle(t *testing.T) {
	if c, ok := one('x').single(); c != 'x' || !ok {
		t.Errorf("%c %v", c, ok)
	}
	for _, s := range []set{nil, {{'a', 'b'}}, {{'a', 'a'}, {'c', 'c'}}} {
		if c, ok := s.single(); ok {
			t.Errorf("%v is the one %c", s, c)
		}
	}
}

// The other cases of Unicode: three of them for K, and none of a digit.
func TestFoldUnicode(t *testing.T) {
	if got, want := foldUnicode(one('k')), makeSet(span{'K', 'K'}, span{'k', 'k'}, span{0x212a, 0x212a}); !reflect.DeepEqual(got, want) {
		t.Errorf("k: %v", got)
	}
	if got := foldUnicode(digits); !reflect.DeepEqual(got, digits) {
		t.Errorf("digits: %v", got)
	}
}

// How long a match is decides what may stand in a look behind, and which engine is asked.
func TestLengths(t *testing.T) {
	for text, want := range map[string][2]int{
		``:                {0, 0},
		`abc`:             {3, 3},
		`a|bcd`:           {1, 3},
		`a|b*`:            {0, unbounded},
		`a?b{2,3}`:        {2, 4},
		`(a(?:bc)?)+`:     {1, unbounded},
		`(?=abc)d`:        {1, 1},
		`\ba$`:            {1, 1},
		`(?>ab|c)`:        {1, 2},
		`(a)(?(1)bc|d)`:   {2, 3},
		`(a)\1`:           {1, unbounded},
		`(?|(a)|(bc))`:    {1, 2},
		`(?:)*`:           {0, 0},
		`(a{1000}){1000}`: {1_000_000, 1_000_000},
	} {
		p, err := parse(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if least, most := p.tree.lengths(); least != want[0] || most != want[1] {
			t.Errorf("%s: %d to %d, want %v", text, least, most, want)
		}
	}
}

// Only what Go's engine cannot do as PCRE does goes to the other one.
func TestWhichEngine(t *testing.T) {
	for text, slow := range map[string]bool{
		`^/(.*)\.php$`: false, `a|b`: false, `(?i)x+y*?z{2,3}`: false, `[^/]+`: false, `\bword\B`: false, `(a+)+b`: false,
		`(?=a)b`: true, `(?<!a)b`: true, `(a)\1`: true, `(?>a)b`: true, `a++b`: true, `(a)?(?(1)b)`: true, `(?m)^a`: true, `(a*)*`: true, `(?|(a)|(b))`: true,
	} {
		re, err := Compile(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := re.needsSlow([]byte("x")); got != slow {
			t.Errorf("%s goes to the backtracking engine: %v", text, got)
		}
	}
	// A dollar may stand before a newline at the very end, which Go's does not know.
	re, err := Compile("a$", false)
	if err != nil {
		t.Fatal(err)
	}
	if re.needsSlow([]byte("a")) || !re.needsSlow([]byte("a\n")) {
		t.Error("a$ on a and on a with a newline")
	}
}
