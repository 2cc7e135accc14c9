package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

type imagesParams struct{ front, back Body }

type imagesBody struct {
	Kind  string `json:"kind"`
	Front Base64 `json:"front,omitzero"`
	Back  Base64 `json:"back,omitzero"`
}

type imagesResult struct {
	Front string `json:"front"`
	Back  string `json:"back"`
}

var setImages = Op[imagesParams, imagesResult]{
	Name: "test.SetImages", Method: http.MethodPut, Path: "/images", Retry: identkit.RetrySafe,
	Request: func(in *imagesParams, r *Request) {
		r.JSONStream(imagesBody{"passport", Base64{in.front}, Base64{in.back}})
	},
}

// receiveImages lets a fake hash the images that it receives.
func receiveImages(srv *fakeserver.Server) {
	srv.Handle(setImages.Info(), func(c *fakeserver.Call) {
		value, err := c.Received()
		if problem := c.Decode(new(struct{ Kind string })); err != nil || problem != nil {
			c.Empty(http.StatusBadRequest)
			return
		}
		images := value.(map[string]hash.Hash)
		digest := func(name string) string {
			if images[name] == nil {
				return ""
			}
			return hex.EncodeToString(images[name].Sum(nil))
		}
		c.JSON(http.StatusOK, imagesResult{digest("front"), digest("back")})
	})
	srv.Receive(setImages.Name, 256<<20, func(body io.Reader) ([]byte, any, error) {
		images := map[string]hash.Hash{}
		text, err := fakeserver.SplitJSON(body, func(at jsontext.Pointer) io.Writer {
			name := at.LastToken()
			if name == "kind" {
				return nil
			}
			images[name] = sha256.New()
			return images[name]
		})
		return text, images, err
	})
}

func digestOf(size int64) string {
	h := sha256.New()
	_, _ = io.Copy(h, &pattern{size: size})
	return hex.EncodeToString(h.Sum(nil))
}

func image(size int64) Body { return Seeker("", &pattern{size: size}) }

// liveHeap is extraHeap without garbage.
func liveHeap(f func()) uint64 {
	var m runtime.MemStats
	live := func() uint64 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	peak, done := before, make(chan struct{})
	go func() { defer close(done); f() }()
	for {
		select {
		case <-done:
			return peak - before
		default:
			peak = max(peak, live())
		}
	}
}

// underRace reports whether the race detector runs, under which nothing can be said of the heap: pools forget on purpose.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Not parallel: it measures the heap, of the client and the fake together.
func TestLargeFilesAreNeverHeld(t *testing.T) {
	size := int64(uploadSize)
	if underRace() {
		size = 1 << 20
	}
	whole, half := digestOf(size), digestOf(size/2)
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		c := filesClient(t, base, rt)
		d, err := getOne(t.Context(), c, "1") // dials
		require.NoError(t, err)
		require.NoError(t, d.Close())

		h := sha256.New()
		var copied int64
		measure := extraHeap
		if strings.HasSuffix(t.Name(), "HTTP/2") {
			measure = liveHeap // net/http allocates every frame
		}
		peak := measure(func() {
			d, err := getOne(t.Context(), c, strconv.FormatInt(size, 10))
			if !assert.NoError(t, err) {
				return
			}
			copied, err = io.Copy(h, d)
			assert.NoError(t, err)
			assert.NoError(t, d.Close())
		})
		t.Log("download:", peak>>10, "KiB")
		assert.Equal(t, size, copied)
		assert.Equal(t, whole, hex.EncodeToString(h.Sum(nil)))
		assert.True(t, peak < 1<<20 || underRace(), peak)

		var out *imagesResult
		peak = measure(func() {
			out, err = setImages.Do(t.Context(), c, imagesParams{image(size / 2), image(size / 2)}, nil)
		})
		t.Log("upload:", peak>>10, "KiB")
		require.NoError(t, err)
		assert.Equal(t, imagesResult{half, half}, *out)
		assert.True(t, peak < 1<<20 || underRace(), peak)
		e, _ := srv.Journal().Last(setImages.Name)
		assert.True(t, e.Truncated)
		assert.Greater(t, int64(e.Size), size)
	})
}

func TestImagesAreSentAgainFromTheirBeginning(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		srv.Fault(identkittest.Any().Nth(1).Status(503), identkittest.Any().Nth(2).Reset())
		out, err := setImages.Do(t.Context(), filesClient(t, base, rt), imagesParams{image(size), Bytes("", []byte("x"))}, nil)
		require.NoError(t, err)
		assert.Equal(t, digestOf(size), out.Front)
		assert.Equal(t, 3, srv.Journal().Count(setImages.Name))
		for _, e := range srv.Journal().All() {
			length, _ := strconv.Atoi(e.Header.Get("Content-Length"))
			assert.Equal(t, length, e.Size)
		}
	})
}
