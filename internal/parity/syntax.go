package parity

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	requestLine = regexp.MustCompile(`^(GET|POST|PUT|DELETE|OPTIONS|PATCH|HEAD) (/(?:<[^>]*>|[^ <])*)(.*)$`)
	headerLine  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$`)
	appLine     = regexp.MustCompile(`^app: (\w+)$`)
)

// Load reads the scenario files below a directory: <area>/<name>.txt.
func Load(directory string) ([]*File, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*", "*.txt"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	files := make([]*File, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		file, err := Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		file.Area = filepath.Base(filepath.Dir(path))
		file.Name = strings.TrimSuffix(filepath.Base(path), ".txt")
		files = append(files, file)
	}
	return files, nil
}

// paragraph is a run of lines without a blank one.
type paragraph struct {
	line  int
	lines []string
}

func paragraphs(text string) []paragraph {
	var all []paragraph
	var current paragraph
	scanner := bufio.NewScanner(strings.NewReader(text))
	scanner.Buffer(nil, 1<<24)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimRight(scanner.Text(), " \t\r")
		if line != "" {
			if len(current.lines) == 0 {
				current.line = n
			}
			current.lines = append(current.lines, line)
			continue
		}
		if len(current.lines) > 0 {
			all = append(all, current)
			current = paragraph{}
		}
	}
	if len(current.lines) > 0 {
		all = append(all, current)
	}
	return all
}

// Parse reads a scenario file's text.
func Parse(text string) (*File, error) {
	file := &File{}
	var scenario *Scenario
	titles := map[string]bool{}
	for _, p := range paragraphs(text) {
		first := p.lines[0]
		switch {
		case file.Title == "":
			title, ok := strings.CutPrefix(first, "# ")
			if !ok || len(p.lines) > 1 {
				return nil, fmt.Errorf("line %d: a file begins with its title: # …", p.line)
			}
			file.Title = title
		case strings.HasPrefix(first, "## "):
			if len(p.lines) > 1 {
				return nil, fmt.Errorf("line %d: a blank line follows a title", p.line)
			}
			scenario = &Scenario{Title: strings.TrimPrefix(first, "## "), App: "app"}
			if titles[scenario.Title] {
				return nil, fmt.Errorf("line %d: a second scenario of this title", p.line)
			}
			titles[scenario.Title] = true
			file.Scenarios = append(file.Scenarios, scenario)
		case requestLine.MatchString(first):
			if scenario == nil {
				return nil, fmt.Errorf("line %d: a request before the first scenario's title", p.line)
			}
			exchange, err := parseExchange(p)
			if err != nil {
				return nil, err
			}
			scenario.Paragraphs = append(scenario.Paragraphs, exchange)
		case scenario == nil:
			file.Prose = append(file.Prose, strings.Join(p.lines, "\n"))
		default:
			if m := appLine.FindStringSubmatch(first); m != nil {
				scenario.App = m[1]
			}
			scenario.Paragraphs = append(scenario.Paragraphs, strings.Join(p.lines, "\n"))
		}
	}
	if file.Title == "" {
		return nil, fmt.Errorf("no title")
	}
	return file, nil
}

func parseExchange(p paragraph) (*Exchange, error) {
	x := &Exchange{Line: p.line}
	if err := x.parseRequestLine(p.lines[0]); err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	rest := p.lines[1:]
	request, rest := until(rest, "=> ")
	var body []string
	for _, line := range request {
		if parameter, ok := strings.CutPrefix(line, "? "); ok && len(body) == 0 {
			x.Parameters = append(x.Parameters, parameter)
		} else if headerLine.MatchString(line) && len(body) == 0 {
			x.Headers = append(x.Headers, line)
		} else {
			body = append(body, line)
		}
	}
	x.Body = strings.Join(body, "\n")

	recorded, rest := until(rest, "differs: ")
	var err error
	if x.Recorded, err = parseAnswer(recorded); err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	if len(rest) > 0 {
		reason, loam := until(rest, "=> ")
		x.Differs = strings.TrimPrefix(strings.Join(reason, "\n"), "differs: ")
		if x.Loam, err = parseAnswer(loam); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	return x, nil
}

// until splits lines before the first that has the prefix.
func until(lines []string, prefix string) (before, from []string) {
	for i, line := range lines {
		if strings.HasPrefix(line, prefix) {
			return lines[:i], lines[i:]
		}
	}
	return lines, nil
}

func (x *Exchange) parseRequestLine(line string) error {
	m := requestLine.FindStringSubmatch(line)
	x.Method, x.Path = m[1], m[2]
	for words := strings.Fields(m[3]); len(words) > 0; {
		word := words[0]
		words = words[1:]
		switch word {
		case "unordered":
			x.Unordered = true
			continue
		case "escaped":
			x.Escaped = true
			continue
		}
		if len(words) == 0 {
			return fmt.Errorf("%q wants a word to follow", word)
		}
		switch word {
		case "as":
			x.As = strings.Split(words[0], ",")
		case "by":
			x.By = words[0]
			if _, ok := credentials[x.By]; !ok {
				return fmt.Errorf("no key is named %q", x.By)
			}
		case "showing":
			x.Showing = strings.Split(words[0], ",")
		default:
			return fmt.Errorf("unknown word %q", word)
		}
		words = words[1:]
	}
	return nil
}

func parseAnswer(lines []string) (*Answer, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	status, err := strconv.Atoi(strings.TrimPrefix(lines[0], "=> "))
	if err != nil {
		return nil, fmt.Errorf("%q is no answer", lines[0])
	}
	a := &Answer{Status: status, Headers: http.Header{}}
	lines = lines[1:]
	for len(lines) > 0 {
		m := headerLine.FindStringSubmatch(lines[0])
		if m == nil {
			break
		}
		a.Headers.Set(m[1], m[2])
		lines = lines[1:]
	}
	a.Body = strings.Join(lines, "\n")
	return a, nil
}

// Format writes the file's text, the inverse of Parse.
func (f *File) Format() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", f.Title)
	for _, prose := range f.Prose {
		fmt.Fprintf(&b, "\n%s\n", prose)
	}
	for _, s := range f.Scenarios {
		fmt.Fprintf(&b, "\n## %s\n", s.Title)
		for _, p := range s.Paragraphs {
			b.WriteByte('\n')
			switch p := p.(type) {
			case string:
				fmt.Fprintln(&b, p)
			case *Exchange:
				p.format(&b)
			}
		}
	}
	return b.String()
}

func (x *Exchange) format(b *strings.Builder) {
	fmt.Fprintf(b, "%s %s", x.Method, x.Path)
	if len(x.As) > 0 {
		fmt.Fprintf(b, " as %s", strings.Join(x.As, ","))
	}
	if x.By != "" {
		fmt.Fprintf(b, " by %s", x.By)
	}
	if x.Unordered {
		b.WriteString(" unordered")
	}
	if x.Escaped {
		b.WriteString(" escaped")
	}
	if len(x.Showing) > 0 {
		fmt.Fprintf(b, " showing %s", strings.Join(x.Showing, ","))
	}
	b.WriteByte('\n')
	for _, parameter := range x.Parameters {
		fmt.Fprintf(b, "? %s\n", parameter)
	}
	for _, header := range x.Headers {
		fmt.Fprintln(b, header)
	}
	if x.Body != "" {
		fmt.Fprintln(b, x.Body)
	}
	x.Recorded.format(b)
	if x.Differs != "" {
		fmt.Fprintf(b, "differs: %s\n", x.Differs)
		x.Loam.format(b)
	}
}

func (a *Answer) format(b *strings.Builder) {
	if a == nil {
		return
	}
	fmt.Fprintf(b, "=> %d\n", a.Status)
	names := make([]string, 0, len(a.Headers))
	for name := range a.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(b, "%s: %s\n", name, a.Headers.Get(name))
	}
	if a.Body != "" {
		fmt.Fprintln(b, a.Body)
	}
}
