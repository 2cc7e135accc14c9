// Command webhooks compares package webhook with other Go libraries for webhooks, and prints the result as
// Markdown tables. Each pair gets the same bytes, the same headers and the same destination type, and
// the two libraries run alternately, so that a busy machine slows both.
//
//	go run .            # in bench/webhooks
//	go test -bench .    # the same pairs as Go benchmarks
package main
