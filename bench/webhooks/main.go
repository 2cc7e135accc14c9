package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

const (
	rounds = 15
	// slice is how long one library runs before the other.
	slice = 100 * time.Millisecond
)

func main() {
	if err := report(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func report() error {
	fmt.Printf("%s, %s/%s, %d CPUs; body of 1 KiB; median of %d alternating rounds.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	fmt.Println("| verify and decode | there | allocs | identkit | allocs | time |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, p := range pairs() {
		theirs, ours, ratio, err := compare(&p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("| %s | %s | %.0f | %s | %.0f | × %.2f |\n", p.name, micro(theirs), allocs(p.theirs, &p), micro(ours), allocs(p.ours, &p), ratio)
	}
	refusing, err := costOfRefusing()
	if err != nil {
		return err
	}
	fmt.Printf("| identkit, refusing an invalid signature, compared with accepting | | | | | × %.2f |\n", refusing)
	fmt.Println("\n| through the handler, one core, memory store | deliveries/s | heap before | heap after |")
	fmt.Println("| --- | ---: | ---: | ---: |")
	for _, load := range []struct {
		name string
		run  func() (loadResult, error)
	}{{"http.Handler", loadDirect}, {"over HTTP on loopback, client included", loadHTTP}} {
		r, err := load.run()
		if err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
		fmt.Printf("| %s | %.0f | %.1f MiB | %.1f MiB |\n", load.name, r.perSecond, mib(r.before), mib(r.after))
	}
	return nil
}

// compare runs both libraries alternately and returns the median time of each, and the median of the ratios.
func compare(p *pair) (theirs, ours time.Duration, ratio float64, err error) {
	var all [2][]time.Duration
	var ratios []float64
	for range rounds {
		var round [2]time.Duration
		for side, do := range []work{p.theirs, p.ours} {
			if round[side], err = timeOf(do, p); err != nil {
				return 0, 0, 0, err
			}
			all[side] = append(all[side], round[side])
		}
		ratios = append(ratios, float64(round[1])/float64(round[0]))
	}
	return median(all[0]), median(all[1]), median(ratios), nil
}

// costOfRefusing compares a delivery with an invalid signature of valid form and length with a valid one.
func costOfRefusing() (float64, error) {
	good := byHand()
	bad := append([]byte(nil), good.body...)
	bad[len(bad)/2] = 'y'
	refusal := pair{
		name: "refusal", body: good.body, sign: good.sign, theirs: good.ours,
		ours: func(h http.Header, _ []byte) error {
			if good.ours(h, bad) == nil {
				return errors.New("accepted")
			}
			return nil
		},
	}
	_, _, ratio, err := compare(&refusal)
	return ratio, err
}

func timeOf(do work, p *pair) (time.Duration, error) {
	h := p.header()
	n := 0
	start := time.Now()
	for time.Since(start) < slice {
		for range 100 {
			if err := do(h, p.body); err != nil {
				return 0, err
			}
		}
		n += 100
	}
	return time.Since(start) / time.Duration(n), nil
}

func allocs(do work, p *pair) float64 {
	h := p.header()
	return testing.AllocsPerRun(1000, func() { _ = do(h, p.body) })
}

func median[T int64 | float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func micro(d time.Duration) string { return fmt.Sprintf("%.2f µs", float64(d)/1000) }

func mib(b uint64) float64 { return float64(b) / (1 << 20) }
