package iproov_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

// A verdict is read from a boolean of the right claim, or there is none.
func TestVerdictsFailClosed(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	in := iproov.ValidateParams{Token: "the-token", UserID: alice, Client: userAgent}
	for body, want := range map[string]string{
		`{"passed":true,"token":"the-token"}`:                 "passed",
		`{"passed":true,"token":"the-token","type":"verify"}`: "passed",
		`{"passed":true,"token":"the-token","type":"new"}`:    "passed",
		`{"passed":false,"token":"the-token"}`:                "not passed",
		`{"passed":"true","token":"the-token"}`:               "error",
		`{"passed":"false","token":"the-token"}`:              "error",
		`{"passed":null,"token":"the-token"}`:                 "error",
		`{"token":"the-token"}`:                               "error",
		`{"passed":1,"token":"the-token"}`:                    "error",
		`{"passed":"TRUE","token":"the-token"}`:               "error",
		`{"passed":[true],"token":"the-token"}`:               "error",
		`{"passed":true}`:                                     "error",
		`{"passed":true,"token":"another"}`:                   "error",
		`{"passed":true,"token":"THE-TOKEN"}`:                 "error",
		`{"passed":true,"token":null}`:                        "error",
		`{"passed":true,"token":"the-token","type":"enrol"}`:  "error",
		`{"passed":false,"passed":true,"token":"the-token"}`:  "error",
		`{"Passed":true,"token":"the-token"}`:                 "error",
		`{"pa\u017f\u017fed":true,"token":"the-token"}`:       "error",
		`{"passed":false,"Passed":true,"token":"the-token"}`:  "not passed",
		`{"result":{"passed":true},"token":"the-token"}`:      "error",
		`[{"passed":true,"token":"the-token"}]`:               "error",
		`{"passed":true,"token":"the-token"}{"passed":true}`:  "error",
		`{"passed":true,"token":"the-token"`:                  "error",
		`{"error":"server_error","error_description":"x"}`:    "error",
		`true`: "error",
		``:     "error",
		`{"passed":false,"token":"the-token","signals":{"matching":"yes"}}`: "not passed",
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
		before := srv.Journal().Len()
		v, err := srv.Client().Verify.Validate(t.Context(), in)
		assert.Equal(t, 1, srv.Journal().Len()-before, "sent once")
		if want == "error" {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
			require.True(t, unknown(err), body)
			require.ErrorContains(t, err, "start a new claim", body)
			require.Nil(t, v)
			continue
		}
		require.NoError(t, err, body)
		assert.Equal(t, want == "passed", v.Passed, body)
	}
}

func TestTextVerdictsOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{Dialect: iproovtest.Dialect{VerdictsAsText: true}})
	srv.AddUser(alice, iproov.UserActive)
	compatible := srv.Client(func(cfg *iproov.Config) { cfg.AcceptTextVerdicts = true })
	for _, outcome := range []iproovtest.Outcome{iproovtest.Pass(), iproovtest.Fail("why")} {
		claim, err := compatible.Verify.CreateToken(t.Context(), tokenIn)
		in := scanned(t, srv, claim, err, outcome)
		v, err := compatible.Verify.Validate(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, outcome.Passed, v.Passed)

		claim, err = compatible.Verify.CreateToken(t.Context(), tokenIn)
		in = scanned(t, srv, claim, err, outcome)
		_, err = srv.Client().Verify.Validate(t.Context(), in)
		require.ErrorIs(t, err, identkit.ErrBadResponse)
		require.ErrorContains(t, err, "passed is a text")
	}
	for _, passed := range []string{`"True"`, `"yes"`, `" true"`, `""`, `"false","passed":"true"`} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(`{"token":"t","passed":`+passed+`}`)))
		_, err := compatible.Verify.Validate(t.Context(), iproov.ValidateParams{Token: "t", UserID: alice, Client: "c"})
		require.ErrorIs(t, err, identkit.ErrBadResponse, passed)
	}
}

func TestExtrasInEveryShape(t *testing.T) {
	t.Parallel()
	picture := []byte("\x89PNG made up \xff\xfe\xfd")
	outcome := iproovtest.Outcome{Reason: "Eyes closed", SpoofFound: true, SeveralFaces: true, Frame: picture}
	for name, dialect := range map[string]iproovtest.Dialect{
		"Swagger file": {},
		"other pages":  {ReasonInResult: true, SingleFaceSignal: true, QualityInSignals: true, FrameAvailableAsText: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{Dialect: dialect})
			srv.AddUser(alice, iproov.UserActive)
			claim, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
			in := scanned(t, srv, claim, err, outcome)
			v, err := srv.Client().Verify.Validate(t.Context(), in)
			require.NoError(t, err)
			assert.False(t, v.Passed)
			assert.Equal(t, "Eyes closed", v.Reason)
			assert.Equal(t, iproov.No, v.Signals.AntiSpoofing)
			assert.Equal(t, iproov.Yes, v.Signals.Matching)
			assert.Equal(t, iproov.Yes, v.Signals.SeveralFaces)
			assert.True(t, v.FrameAvailable)
			assert.True(t, v.FrameQuality.Blur.Is(iproov.QualityGood))
			assert.True(t, v.FrameQuality.Pose.Is("acceptable"))
			assert.True(t, v.FrameQuality.Lighting.Known())
			assert.False(t, iproov.Quality("great").Known())
			frame, err := v.Frame()
			require.NoError(t, err)
			assert.Equal(t, picture, frame)
			_, err = v.FrameJPEG()
			require.ErrorIs(t, err, iproov.ErrNoFrame)
			assert.NotContains(t, fmt.Sprintf("%+v %#v %v", v, v, *v), base64.StdEncoding.EncodeToString(picture), "printing a verdict prints no frame")
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{WithoutExtras: true})
		srv.AddUser(alice, iproov.UserActive)
		claim, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
		in := scanned(t, srv, claim, err, outcome)
		v, err := srv.Client().Verify.Validate(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, iproov.Signals{}, v.Signals)
		assert.False(t, v.FrameAvailable)
		_, err = v.Frame()
		require.ErrorIs(t, err, iproov.ErrNoFrame)
		_, err = new(iproov.Validation).Frame()
		require.ErrorIs(t, err, iproov.ErrNoFrame)
	})
}

func TestMalformedExtrasDoNotCostAVerdict(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for _, extras := range []string{
		`"signals":null,"frame":null,"frame_available":null,"reason":null,"result":null,"return_frame_quality":null`,
		`"signals":[],"frame_available":{"a":1},"return_frame_quality":"Good","result":"text"`,
		`"signals":{"anti_spoofing":true,"matching":{"passed":"true"},"multiple_faces":{"single_face":{}},"face_consistency":{"x":1}}`,
		`"signals":"none","frame_available":"true","frame":"***"`,
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(`{"token":"t","passed":true,`+extras+`}`)))
		v, err := srv.Client().Verify.Validate(t.Context(), iproov.ValidateParams{Token: "t", UserID: alice, Client: "c"})
		require.NoError(t, err, extras)
		assert.True(t, v.Passed)
		assert.Equal(t, iproov.NotGiven, v.Signals.Matching)
		assert.Equal(t, iproov.NotGiven, v.Signals.SeveralFaces)
		if strings.Contains(extras, "***") {
			_, err = v.Frame()
			require.ErrorIs(t, err, identkit.ErrBadResponse)
		}
	}
}

func TestFramesAreReadInEveryEncoding(t *testing.T) {
	t.Parallel()
	raw := []byte{0xfb, 0xff, 0xfe, 1, 2}
	srv := iproovtest.New(iproovtest.Options{})
	for _, encoded := range []string{
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw),
		strings.ReplaceAll(base64.StdEncoding.EncodeToString(raw), "/", `\/`), base64.StdEncoding.EncodeToString(raw) + `\r\n`,
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(`{"token":"t","passed":true,"frame":"`+encoded+`","frame_jpeg":"`+encoded+`","iso_19794_5":"`+encoded+`"}`)))
		v, err := srv.Client().Verify.Validate(t.Context(), iproov.ValidateParams{Token: "t", UserID: alice, Client: "c"})
		require.NoError(t, err)
		for _, decode := range []func() ([]byte, error){v.Frame, v.FrameJPEG, v.FrameISO19794} {
			b, err := decode()
			require.NoError(t, err, encoded)
			assert.Equal(t, raw, b)
		}
	}
}

func TestAStoredVerdictIsReadBack(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{Dialect: iproovtest.Dialect{ReasonInResult: true, SingleFaceSignal: true, QualityInSignals: true}})
	srv.AddUser(alice, iproov.UserActive)
	claim, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
	in := scanned(t, srv, claim, err, iproovtest.Outcome{Reason: "Eyes closed", FaceDiffers: true, Frame: []byte("\x89PNG")})
	v, err := srv.Client().Verify.Validate(t.Context(), in)
	require.NoError(t, err)
	back, err := iproov.ParseValidation(v.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, v, back)
	assert.Equal(t, "Eyes closed", back.Reason)
	frame, err := back.Frame()
	require.NoError(t, err)
	assert.Equal(t, []byte("\x89PNG"), frame)
	for _, raw := range []string{``, `null`, `{}`, `{"token":"t"}`, `{"token":"t","passed":"true"}`, `{"Passed":true,"token":"t"}`, `{"passed":true}`, `{"passed":false,"passed":true,"token":"t"}`} {
		_, err = iproov.ParseValidation([]byte(raw))
		e := fails(t, err, identkit.ErrBadResponse, "")
		assert.False(t, e.OutcomeUnknown)
	}
}

func FuzzVerdict(f *testing.F) {
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client()
	f.Fuzz(func(t *testing.T, body []byte) {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", body))
		v, err := client.Verify.Validate(t.Context(), iproov.ValidateParams{Token: "t", UserID: alice, Client: "c"})
		if err != nil {
			require.ErrorIs(t, err, identkit.ErrBadResponse)
			return
		}
		var said map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &said))
		if v.Passed {
			require.Equal(t, "true", strings.TrimSpace(string(said["passed"])), "passed only where a true is")
		}
		_, _ = v.Frame()
	})
}
