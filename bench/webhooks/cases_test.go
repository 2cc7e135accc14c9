package main

import "testing"

func TestBothLibrariesAcceptTheSameDeliveries(t *testing.T) {
	t.Parallel()
	for _, p := range pairs() {
		if len(p.body) != 1024 {
			t.Errorf("%s: the body has %d bytes", p.name, len(p.body))
		}
		other := append([]byte(nil), p.body...)
		other[len(other)-8] = 'y'
		for side, do := range map[string]work{"theirs": p.theirs, "ours": p.ours} {
			h := p.header()
			if err := do(h, p.body); err != nil {
				t.Errorf("%s, %s: %v", p.name, side, err)
			}
			if do(h, other) == nil {
				t.Errorf("%s, %s: another body is accepted", p.name, side)
			}
		}
	}
}

func BenchmarkPairs(b *testing.B) {
	for _, p := range pairs() {
		for side, do := range map[string]work{"theirs": p.theirs, "ours": p.ours} {
			b.Run(p.name+"/"+side, func(b *testing.B) {
				h := p.header()
				b.ReportAllocs()
				for b.Loop() {
					if err := do(h, p.body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
