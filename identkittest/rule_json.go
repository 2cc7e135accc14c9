package identkittest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// ActiveRule is a rule of a fake.
type ActiveRule struct {
	// ID counts the rules that the fake was given, from 1.
	ID int `json:"id"`
	// Rule is the rule as it was given.
	Rule Rule `json:"rule"`
	// Seen is how many requests it was about, Hits how many of them it hit.
	Seen int `json:"seen"`
	Hits int `json:"hits"`
}

// call is a function or method that was called to make a rule.
type call struct {
	name string
	args []any
}

// hidden is an argument that the text of a rule does not show.
type hidden string

// call notes a call and adds it to the text of the rule.
func (r Rule) call(name string, args ...any) Rule {
	r.calls = append(r.calls[:len(r.calls):len(r.calls)], call{name, args})
	shown := make([]string, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			shown[i] = fmt.Sprintf("%q", arg)
		case []byte:
			shown[i] = fmt.Sprintf("%d bytes", len(arg))
		case int, int64, float64, time.Duration:
			shown[i] = fmt.Sprint(arg)
		default:
			shown[i] = "…"
		}
	}
	r.spec.Text = strings.TrimPrefix(r.spec.Text+"."+name+"("+strings.Join(shown, ", ")+")", ".")
	return r
}

// member is the name of a method in JSON: Nth is nth, HTML is html, BadJSON is badJSON.
func member(method string) string {
	if strings.ToUpper(method) == method {
		return strings.ToLower(method)
	}
	return strings.ToLower(method[:1]) + method[1:]
}

// MarshalJSON writes what [Rule.UnmarshalJSON] reads, bodies and header values included. A function, which has no JSON form, is
// written as true ("when":true).
func (r Rule) MarshalJSON() ([]byte, error) {
	form, header := make(map[string]any), make(map[string]any)
	for _, c := range r.calls {
		var args []any
		for _, arg := range c.args {
			switch v := arg.(type) {
			case []byte:
				arg = string(v)
			case time.Duration:
				arg = v.String()
			}
			args = append(args, arg)
		}
		switch name := member(c.name); {
		case name == "header":
			header[c.args[0].(string)] = args[1]
			form[name] = header
		case name == "when" || name != "any" && len(args) == 0:
			form[name] = true
		case len(args) == 1:
			form[name] = args[0]
		case len(args) > 1:
			form[name] = args
		}
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads an object with a member for each method that makes the rule, on for the operation of [On], and no member for [Any].
// Its value is the argument or the list of arguments, true for a method without any; durations are texts, bodies too, and header is an
// object of its own:
//
//	{"on":"powerauth.Operations.Create","nth":3,"html":502,"slowHeader":"1.5s"}
//	{"probability":0.1,"retryAfter":[429,"1"],"header":{"X-Request-Id":"r-1"},"processed":true}
//
// The error is that of [Rule.Err].
func (r *Rule) UnmarshalJSON(b []byte) error {
	var form map[string]json.RawMessage
	if err := json.Unmarshal(b, &form); err != nil {
		return errors.New("identkittest: a rule must be a JSON object")
	}
	rule, operation := Any(), ""
	if on, given := form["on"]; given {
		if err := json.Unmarshal(on, &operation); err != nil {
			return errors.New("identkittest: rule: on must be the name of an operation")
		}
		rule = On(operation)
	}
	delete(form, "on")
	methods := reflect.TypeFor[Rule]()
	for i := range methods.NumMethod() {
		name := member(methods.Method(i).Name)
		value, given := form[name]
		if !given {
			continue
		}
		delete(form, name)
		calls := []json.RawMessage{value}
		if name == "header" {
			calls = nil
			var header map[string]string
			if json.Unmarshal(value, &header) != nil {
				return errors.New("identkittest: rule: header must be an object of texts")
			}
			for k, v := range header {
				call, _ := json.Marshal([]string{k, v})
				calls = append(calls, call)
			}
		}
		for _, args := range calls {
			next, err := invoke(reflect.ValueOf(rule).Method(i), args)
			if err != nil {
				return fmt.Errorf("identkittest: rule: %s: %w", name, err)
			}
			rule = next
		}
	}
	for name := range form {
		return fmt.Errorf("identkittest: rule: %q is no method of a rule", name)
	}
	*r = rule
	return rule.Err()
}

// invoke calls a method of a rule with arguments in JSON.
func invoke(method reflect.Value, value json.RawMessage) (Rule, error) {
	t := method.Type()
	if t.NumOut() != 1 || t.Out(0) != reflect.TypeFor[Rule]() {
		return Rule{}, errors.New("is no method that makes a rule")
	}
	values := []json.RawMessage{value}
	switch on := false; {
	case t.NumIn() == 0:
		if json.Unmarshal(value, &on) != nil || !on {
			return Rule{}, errors.New("must be true")
		}
		values = nil
	case t.NumIn() > 1:
		if json.Unmarshal(value, &values) != nil || len(values) != t.NumIn() {
			return Rule{}, fmt.Errorf("needs a list of %d arguments", t.NumIn())
		}
	}
	args := make([]reflect.Value, len(values))
	for i, raw := range values {
		arg, err := argument(t.In(i), raw)
		if err != nil {
			return Rule{}, err
		}
		args[i] = arg
	}
	return method.Call(args)[0].Interface().(Rule), nil
}

// argument reads one argument.
func argument(t reflect.Type, raw json.RawMessage) (reflect.Value, error) {
	var text string
	isText := json.Unmarshal(raw, &text) == nil
	switch t {
	case reflect.TypeFor[[]byte]():
		if isText {
			return reflect.ValueOf([]byte(text)), nil
		}
	case reflect.TypeFor[time.Duration]():
		if d, err := time.ParseDuration(text); err == nil {
			return reflect.ValueOf(d), nil
		}
	case reflect.TypeFor[any]():
		return reflect.ValueOf(json.RawMessage(bytes.Clone(raw))), nil
	default:
		v := reflect.New(t)
		if json.Unmarshal(raw, v.Interface()) == nil {
			return v.Elem(), nil
		}
	}
	return reflect.Value{}, fmt.Errorf("needs a %s", t)
}
