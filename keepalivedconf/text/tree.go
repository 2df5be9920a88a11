package text

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Statement is one line of the configuration with the block that belongs to it.
type Statement struct {
	Pos   Pos
	Words []string // at least one
	Raw   string   // the line before it was cut into words: script keywords cut it by other rules
	Block bool     // a block follows
	Body  []*Statement
	Close Pos // where the block ends: its '}'; the zero Pos if the configuration ends before
}

// Name is the keyword.
func (s *Statement) Name() string { return s.Words[0] }

// Args is the number of words after the keyword.
func (s *Statement) Args() int { return len(s.Words) - 1 }

// Arg is the i-th word after the keyword, from 1, or "" if there is none.
func (s *Statement) Arg(i int) string {
	if i < len(s.Words) {
		return s.Words[i]
	}
	return ""
}

// Block says what follows a keyword.
type Block uint8

// What may follow a keyword.
const (
	None     Block = iota // nothing
	Values                // a block of lines that are values, like virtual_ipaddress
	Keywords              // a block of keywords, like vrrp_instance
	Optional              // a block of keywords, or none
)

// Shape is what has to be known of a keyword to read its block even if its '{' is missing.
type Shape struct {
	Block  Block
	Quoted bool // a script keyword, whose quotes may span what SplitWords takes for words
	Sub    Shapes
}

// Shapes is the keywords of a block.
type Shapes map[string]*Shape

// treeBuilder turns logical lines into statements.
type treeBuilder struct {
	lines  *lineReader
	report func(Report)
	stack  []*level
}

// level is one open block.
type level struct {
	of     *Statement // nil for the file itself, and for a block that no statement owns
	known  Shapes     // nil if the keyword is unknown
	body   []*Statement
	await  *Statement // the statement before, if a '{' would belong to it
	wanted Block      // what await's keyword has to have
	child  *Shape
}

// buildTree reads every line. known are the keywords of the file itself.
func buildTree(lines *lineReader, known Shapes) []*Statement {
	b := &treeBuilder{lines: lines, report: lines.report}
	b.stack = []*level{{known: known}}
	for {
		line, ok := lines.next()
		if !ok {
			break
		}
		switch line.text {
		case "{":
			b.open(line.pos)
		case "}":
			b.close(line.pos)
		default:
			b.words(line)
		}
	}
	if open := len(b.stack) - 1; open > 0 {
		b.report(Report{Kind: KindMissingClose, Text: fmt.Sprintf("There are %d missing '}'s or extra '{'s", open)})
	}
	for len(b.stack) > 1 {
		b.pop(lines.pos)
	}
	return b.stack[0].body
}

func (b *treeBuilder) top() *level { return b.stack[len(b.stack)-1] }

func (b *treeBuilder) words(line logical) {
	top := b.top()
	if top.await != nil && (top.wanted == Keywords || top.wanted == Values) {
		// The keyword before has to have a block, and this line is not its '{': it is the first of the block.
		if top.wanted == Keywords {
			b.report(Report{Kind: KindMissingOpen, Pos: line.pos, Text: "Missing '{' at beginning of configuration block"})
		} else {
			b.report(Report{Kind: KindNote, Pos: line.pos,
				Text: fmt.Sprintf("'{' missing from beginning of block %s", top.await.Name())})
		}
		b.push()
		top = b.top()
	}
	words, unmatched := SplitWords(line.text)
	var sub *Shape
	if len(words) > 0 {
		sub = top.known[words[0]]
	}
	if unmatched && !(len(words) > 1 && sub != nil && sub.Quoted) {
		b.report(Report{Kind: KindQuote, Pos: line.pos, Text: fmt.Sprintf("Unmatched quote: '%s'", line.text)})
	}
	if len(words) == 0 {
		return
	}
	if words[0] == "include_check" || words[0] == "random_seed" {
		b.atOnce(top, words)
	}
	s := &Statement{Pos: line.pos, Words: words, Raw: line.text}
	top.body = append(top.body, s)
	top.await, top.child, top.wanted = s, sub, None
	if sub != nil {
		top.wanted = sub.Block
	}
}

// atOnce applies the keywords of global_defs that change how the lines after them are read.
func (b *treeBuilder) atOnce(in *level, words []string) {
	if in.of == nil || in.of.Name() != "global_defs" {
		return
	}
	if words[0] == "include_check" {
		b.lines.setIncludeCheck(words[1:])
	} else if len(words) > 1 {
		if seed, ok := Number(words[1], math.MaxUint32); ok {
			b.lines.random = rand.New(rand.NewPCG(seed, seed))
		}
	}
}

func (b *treeBuilder) open(pos Pos) {
	top := b.top()
	// A known keyword without a block leaves its '{' to nobody, and a second '{' belongs to nobody either.
	if top.await == nil || top.child != nil && top.wanted == None {
		b.report(Report{Kind: KindUnexpectedOpen, Pos: pos, Text: "Unexpected '{' - ignoring"})
		b.stack = append(b.stack, &level{})
		return
	}
	b.push()
}

// push opens the block of the statement before.
func (b *treeBuilder) push() {
	top := b.top()
	top.await.Block = true
	inside := &level{of: top.await}
	if top.child != nil {
		inside.known = top.child.Sub
	}
	b.stack = append(b.stack, inside)
	top.await = nil
}

func (b *treeBuilder) close(pos Pos) {
	if len(b.stack) == 1 {
		b.report(Report{Kind: KindUnexpectedClose, Pos: pos, Text: "Extra '}' found"})
		b.report(Report{Kind: KindUnknown, Pos: pos, Text: "Unknown keyword '}'"})
		b.top().await = nil
		return
	}
	b.pop(pos)
}

func (b *treeBuilder) pop(pos Pos) {
	done := b.top()
	b.stack = b.stack[:len(b.stack)-1]
	b.top().await = nil
	if done.of != nil {
		done.of.Body = done.body
		done.of.Close = pos
	}
}
