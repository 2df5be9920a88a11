package keepalivedconf

import (
	"fmt"
	"slices"
	"strings"

	"tandem/keepalivedconf/text"
)

// suggest says what an unknown keyword may have been meant for: a keyword of the same block that differs by a slip of the
// finger, or the block that the keyword belongs in.
func suggest(name string, in keywords) string {
	most := min(3, 1+len(name)/4)
	best, distance := "", most
	for known := range in.shapes() {
		if d := slips(name, known, most); d < distance || d == distance && d < most && known < best {
			best, distance = known, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	var places []string
	homes(name, "", rootRows.shapes(), &places)
	slices.Sort(places)
	switch {
	case len(places) == 0 || len(places) > 4:
		return ""
	case places[0] == "":
		return fmt.Sprintf("%s stands at the top of the file, outside any block", name)
	}
	return fmt.Sprintf("%s belongs in %s", name, strings.Join(places, " or "))
}

// homes collects the blocks that know a keyword.
func homes(name, path string, shapes text.Shapes, places *[]string) {
	if _, ok := shapes[name]; ok {
		*places = append(*places, path)
	}
	for word, s := range shapes {
		if s.Sub != nil {
			inner := word
			if path != "" {
				inner = path + "/" + word
			}
			homes(name, inner, s.Sub, places)
		}
	}
}

// slips counts the letters that were added, lost, replaced or swapped with their neighbour between a and b, or returns
// limit if there are that many or more.
func slips(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return min(last[len(b)], limit)
}
