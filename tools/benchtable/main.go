// Command benchtable reads the output of go test -bench and puts its tables between the markers of a file:
//
//	go test -run '^$' -bench . ./powerauth | go run -C tools ./benchtable -file ../README.md -name transport
//
// A table has a row a benchmark and a column a metric, and names the machine.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
)

func main() {
	file := flag.String("file", "README.md", "file with <!-- bench:NAME --> and <!-- /bench:NAME --> markers")
	name := flag.String("name", "", "name of the table")
	asis := flag.Bool("asis", false, "the input is Markdown already")
	flag.Parse()
	if err := run(os.Stdin, *file, *name, *asis); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, file, name string, asis bool) error {
	table, err := "", error(nil)
	if asis {
		var b []byte
		b, err = io.ReadAll(in)
		table = string(b)
		if table == "" {
			err = errors.Join(err, errors.New("no input"))
		}
	} else {
		table, err = read(in)
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	begin, end := "<!-- bench:"+name+" -->\n", "<!-- /bench:"+name+" -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no markers for %q", file, name)
	}
	return os.WriteFile(file, []byte(before+begin+table+end+after), 0o644) //nolint:gosec // a public file
}

func read(in io.Reader) (string, error) {
	var (
		rows    [][2]string // benchmark, its measures
		metrics []string
		values  = map[string]map[string]string{}
		cpu     string
	)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		line := lines.Text()
		if c, ok := strings.CutPrefix(line, "cpu: "); ok {
			cpu = strings.TrimSpace(c)
		}
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			return "", errors.New("a benchmark failed: " + line)
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		bench := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(bench, '-'); i > 0 {
			bench = bench[:i]
		}
		rows = append(rows, [2]string{bench, ""})
		values[bench] = map[string]string{}
		for i := 2; i+1 < len(fields); i += 2 {
			value, metric := fields[i], fields[i+1]
			values[bench][metric] = value
			if !slices.Contains(metrics, metric) {
				metrics = append(metrics, metric)
			}
		}
	}
	if len(rows) == 0 {
		return "", errors.New("no benchmark in the input")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| benchmark | %s |\n|%s\n", strings.Join(metrics, " | "), strings.Repeat(" --- |", len(metrics)+1))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row[0])
		for _, m := range metrics {
			fmt.Fprintf(&b, " %s |", values[row[0]][m])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nMeasured on %s, %d cores, %s, client and server in one process.\n", cpu, runtime.NumCPU(), runtime.Version())
	return b.String(), nil
}
