package nginxconf

import "strings"

// isLuaBlock reports whether the directive's block holds Lua instead of
// directives, as all *_by_lua_block of OpenResty's Lua module do.
func isLuaBlock(name string) bool { return strings.HasSuffix(name, "_by_lua_block") }

// skipLua moves behind the "}" that closes the Lua block whose "{" was just
// read. Braces within Lua strings and comments do not count. It returns false
// if the text ends first.
func (lx *lexer) skipLua() bool {
	start, depth := lx.pos, 1
	end := start
	for end < len(lx.text) && depth > 0 {
		rest := lx.text[end:]
		switch rest[0] {
		case '{':
			depth++
			end++
		case '}':
			depth--
			end++
		case '"', '\'':
			end += luaString(rest)
		case '[':
			end += max(1, luaLongBracket(rest))
		case '-':
			end += luaComment(rest)
		default:
			end++
		}
	}
	lx.line += strings.Count(lx.text[start:end], "\n")
	lx.pos = end
	return depth == 0
}

// luaString returns the length of the short string at the beginning of s. A
// line break without a backslash ends it, as Lua would refuse the rest anyway.
func luaString(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\n':
			return i
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

// luaLongBracket returns the length of the [[...]] or [=[...]=] at the
// beginning of s, 0 if there is none.
func luaLongBracket(s string) int {
	level := 1
	for level < len(s) && s[level] == '=' {
		level++
	}
	if level == len(s) || s[level] != '[' {
		return 0
	}
	closing := "]" + s[1:level] + "]"
	end := strings.Index(s[level+1:], closing)
	if end < 0 {
		return len(s)
	}
	return level + 1 + end + len(closing)
}

// luaComment returns the length of the comment at the beginning of s, 1 if
// the "-" there begins none.
func luaComment(s string) int {
	if !strings.HasPrefix(s, "--") {
		return 1
	}
	if strings.HasPrefix(s, "--[") {
		if n := luaLongBracket(s[2:]); n > 0 {
			return 2 + n
		}
	}
	if end := strings.IndexByte(s, '\n'); end >= 0 {
		return end
	}
	return len(s)
}
