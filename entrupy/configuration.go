package entrupy

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Configuration reads what can be authenticated. The words for brands, materials and item types that an app passes to the SDK must be
// Entrupy's: "bags", say, not "handbag".
type Configuration struct {
	client *transport.Client
	cache  *configurationCache
}

// Supported is what can be authenticated.
type Supported struct {
	identkit.Raw `json:"-"`

	SupportedConfig `json:"config"`
	Issued          time.Time `json:"iat"`
	Expires         time.Time `json:"exp"`
}

// SupportedConfig holds the brands with their materials.
type SupportedConfig struct {
	Brands []Brand `json:"brands"`
}

func (s *Supported) check() error {
	if s.Brands == nil {
		return transport.Missing("config.brands")
	}
	return nil
}

// GetConfigurationParams select the language.
type GetConfigurationParams struct {
	Language string // of display texts: en or ja; empty means that of the client
}

func (in *GetConfigurationParams) request(r *transport.Request) {
	if in.Language != "" {
		r.That(!strings.ContainsAny(in.Language, " \t"), "Language", "has a blank")
		r.Header = http.Header{headerLanguage: {in.Language}}
	}
	r.JSON(struct{}{})
}

var getConfiguration = transport.Op[GetConfigurationParams, Supported]{
	Name: "entrupy.Configuration.Get", Method: http.MethodPost, Path: "/v2/config/authentications",
	Retry:      identkit.RetrySafe, // a POST that reads
	Assumption: "EN-027",
	Request:    (*GetConfigurationParams).request,
	Check:      (*Supported).check,
}

// Get reads what can be authenticated. The response is kept for each language until it expires, but at least a minute and at most a day;
// calls that need it at the same time share one request, which no caller's context ends. A call with options makes its own request and is
// not kept. The result is the caller's own. Safe to repeat.
// Source: path and members from public code, checked 2026-11, are assumed, and so is that exp says how long it holds (EN-027, EN-028).
func (s Configuration) Get(ctx context.Context, p GetConfigurationParams, opts ...identkit.CallOption) (*Supported, error) {
	if len(opts) > 0 || s.cache == nil || ctx == nil {
		return getConfiguration.Do(ctx, s.client, p, opts)
	}
	raw, err := s.cache.get(ctx, p.Language, func(ctx context.Context) (raw []byte, life time.Duration, err error) {
		var date time.Time
		out, err := getConfiguration.Do(ctx, s.client, p, []identkit.CallOption{transport.Dated(&date)})
		if err != nil {
			return nil, 0, err
		}
		return out.RawJSON(), out.life(date), nil
	})
	if err != nil {
		return nil, err
	}
	return getConfiguration.Parse(codec, raw)
}

// The bounds of how long a configuration is kept.
const (
	minConfigurationLife = time.Minute
	maxConfigurationLife = 24 * time.Hour
)

// configurationCache keeps the configuration of each language.
type configurationCache struct {
	mu      sync.Mutex
	kept    map[string]keptConfiguration
	pending map[string]*configurationFetch
}

type keptConfiguration struct {
	raw   []byte
	until time.Time
}

// configurationFetch is a request that callers wait for. The results are set before done is closed.
type configurationFetch struct {
	done  chan struct{}
	raw   []byte
	err   error
	panic any // of an observer, say: it is that of the callers
}

// fetchConfiguration reads the JSON of a configuration, and how long it holds.
type fetchConfiguration func(context.Context) (raw []byte, life time.Duration, err error)

func newConfigurationCache() *configurationCache {
	return &configurationCache{kept: map[string]keptConfiguration{}, pending: map[string]*configurationFetch{}}
}

func (c *configurationCache) get(ctx context.Context, language string, fetch fetchConfiguration) ([]byte, error) {
	hasEnded := ctx.Err() != nil
	c.mu.Lock()
	if k, ok := c.kept[language]; ok && time.Now().Before(k.until) {
		c.mu.Unlock()
		return k.raw, nil
	}
	f, ok := c.pending[language]
	if !ok && !hasEnded {
		f = &configurationFetch{done: make(chan struct{})}
		c.pending[language] = f
		go c.run(context.WithoutCancel(ctx), language, f, fetch)
	}
	c.mu.Unlock()
	if f != nil {
		select {
		case <-f.done:
			if f.panic != nil {
				panic(f.panic)
			}
			return f.raw, f.err
		case <-ctx.Done():
		}
	}
	_, _, err := fetch(ctx) // says that the context has ended, and sends nothing
	return nil, err
}

func (c *configurationCache) run(ctx context.Context, language string, f *configurationFetch, fetch fetchConfiguration) {
	began := time.Now()
	var life time.Duration
	f.err = errFetchEnded
	defer func() {
		f.panic = recover()
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.err == nil {
			c.kept[language] = keptConfiguration{f.raw, began.Add(life)}
		}
		delete(c.pending, language)
		close(f.done)
	}()
	f.raw, life, f.err = fetch(ctx)
}

// errFetchEnded is the error of a fetch whose goroutine the caller's code ended.
var errFetchEnded = errors.New("entrupy: an observer ended the goroutine of a request")

// life is how long a response of a date holds, by the provider's own clock.
func (s *Supported) life(date time.Time) time.Duration {
	if date.IsZero() {
		date = s.Issued
	}
	life := minConfigurationLife
	if !date.IsZero() && !s.Expires.IsZero() {
		life = s.Expires.Sub(date)
	}
	return min(max(life, minConfigurationLife), maxConfigurationLife)
}
