package entrupy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

// adaIn authorizes a user.
var adaIn = entrupy.AuthorizeUserParams{SDKRequest: "opaque", UserID: "shop42.user-90817", Email: "ada@example.org"}

// bubble runs a test on fake time, against a fake without a socket.
func bubble(t *testing.T, opts entrupytest.Options, test func(t *testing.T, srv *entrupytest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := entrupytest.New(opts)
		defer srv.Close()
		test(t, srv)
	})
}

// dialect makes a fake with variants.
func dialect(d entrupytest.Dialect) *entrupytest.Server {
	return entrupytest.New(entrupytest.Options{Dialect: d})
}

// unlimited is a client of a fake without a limiter.
func unlimited(srv *entrupytest.Server) *entrupy.Client {
	return srv.Client(func(cfg *entrupy.Config) { cfg.Options.Limiter = identkit.NoLimit })
}

func manualClock() *identkittest.Clock { return identkittest.NewClock(time.Now()) }

// fails checks the kind of an error and returns it.
func fails(t *testing.T, err error, kind identkit.Kind) *identkit.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	return e
}
