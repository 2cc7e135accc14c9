package providertest

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

var contextType, errorType = reflect.TypeFor[context.Context](), reflect.TypeFor[error]()

// misuse calls every method that takes a context, of a client and of its resources, with zero values for the rest. A nil client has no
// resources: reading a field of it panics, whatever the method.
func misuse(t *testing.T, client any, ctx reflect.Value, judge func(t *testing.T, method string, err error)) (methods int) {
	t.Helper()
	v := reflect.ValueOf(client)
	targets := map[string]reflect.Value{v.Type().Elem().String(): v}
	for i := 0; !v.IsNil() && i < v.Elem().NumField(); i++ {
		if f := v.Elem().Type().Field(i); f.IsExported() {
			targets[v.Type().Elem().String()+"."+f.Name] = v.Elem().Field(i)
		}
	}
	for name, target := range targets {
		for m, method := range target.Methods() {
			if m.Type.NumIn() < 2 || m.Type.In(1) != contextType || m.Type.NumOut() == 0 || m.Type.Out(m.Type.NumOut()-1) != errorType {
				continue
			}
			methods++
			in := []reflect.Value{ctx}
			for i := 2; i < m.Type.NumIn(); i++ {
				if m.Type.IsVariadic() && i == m.Type.NumIn()-1 {
					break
				}
				in = append(in, reflect.Zero(m.Type.In(i)))
			}
			assert.NotPanics(t, func() {
				out := method.Call(in)
				err, _ := out[len(out)-1].Interface().(error)
				judge(t, name+"."+m.Name, err)
			}, "%s.%s", name, m.Name)
		}
	}
	return methods
}

func refusedLocally(t *testing.T, method string, err error) {
	t.Helper()
	require.ErrorIs(t, err, identkit.ErrInvalidRequest, method)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, method)
}

func TestAClientThatNoConstructorMadeRefusesEveryCall(t *testing.T) {
	t.Parallel()
	methods := 0
	for _, client := range []any{
		new(powerauth.Client), new(powerauth.AdminClient), new(iproov.Client), (*powerauth.Client)(nil), (*powerauth.AdminClient)(nil), (*iproov.Client)(nil),
		new(entrupy.Client), (*entrupy.Client)(nil),
	} {
		methods += misuse(t, client, reflect.ValueOf(t.Context()), refusedLocally)
		closer, ok := client.(interface{ CloseIdleConnections() })
		require.True(t, ok)
		assert.NotPanics(t, closer.CloseIdleConnections, "%T", client)
	}
	assert.Greater(t, methods, len(powerauth.Catalog())+len(iproov.Catalog())+len(entrupy.Catalog()))
	assert.Zero(t, (*iproov.Client)(nil).Endpoint())
}

func TestANilContextIsRefusedByEveryCall(t *testing.T) {
	t.Parallel()
	pac, face, inspector := powerauthtest.New(powerauthtest.Options{}), iproovtest.New(iproovtest.Options{}), entrupytest.New(entrupytest.Options{})
	for _, client := range []any{pac.Client(), pac.AdminClient(), face.Client(), inspector.Client()} {
		misuse(t, client, reflect.Zero(contextType), func(t *testing.T, method string, err error) {
			refusedLocally(t, method, err)
			var e *identkit.Error
			require.ErrorAs(t, err, &e, method)
			if !assert.NotEmpty(t, e.Fields, method) {
				return
			}
			assert.Contains(t, []string{"ctx", "Journey"}, e.Fields[0].Field, method)
		})
	}
	var none context.Context
	_, who := powerauth.IdentityFrom(none)
	assert.False(t, who)
	assert.Zero(t, pac.Journal().Len()+face.Journal().Len()+inspector.Journal().Len())
}
