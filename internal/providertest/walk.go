package providertest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/identkit/identkit"
)

var (
	secretType = reflect.TypeFor[identkit.Secret]()
	rawType    = reflect.TypeFor[identkit.Raw]()
	timeType   = reflect.TypeFor[time.Time]()
)

// plain is a value without pointers, raw JSON and masks, for comparisons. It is nil for nil of any type.
func plain(v any) any {
	if v == nil {
		return nil
	}
	return plainValue(reflect.ValueOf(v))
}

func plainValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plainValue(v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			return v.Interface().(time.Time).UnixNano()
		}
		members := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != rawType {
				members[f.Name] = plainValue(v.Field(i))
			}
		}
		return members
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return string(v.Bytes())
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainValue(v.Index(i))
		}
		return list
	case reflect.Map:
		members := map[string]any{}
		for _, key := range v.MapKeys() {
			members[key.String()] = plainValue(v.MapIndex(key))
		}
		return members
	case reflect.String:
		return v.String() // a Secret's own text
	}
	return v.Interface()
}

// eachText visits the texts of any type that a value holds, in exported fields, each with its path.
func eachText(v reflect.Value, path string, visit func(path string, text reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), path, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				eachText(v.Field(i), path+"."+f.Name, visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), fmt.Sprintf("%s.%d", path, i), visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			eachText(value, path+"."+key.String(), visit)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		visit(path, v)
	}
}

// secretsOf are the secrets that a value holds, by path.
func secretsOf(v any) map[string]identkit.Secret {
	found := map[string]identkit.Secret{}
	eachText(reflect.ValueOf(v), "", func(path string, text reflect.Value) {
		if text.Type() == secretType && text.Len() > 0 {
			found[path] = identkit.Secret(text.String())
		}
	})
	return found
}

// textsOf are the paths of the texts that a value holds.
func textsOf(v any) (paths []string) {
	eachText(reflect.ValueOf(v), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
	return paths
}

// setText sets the text at a path.
func setText(v any, path, value string) {
	eachText(reflect.ValueOf(v), "", func(at string, text reflect.Value) {
		if at == path {
			text.SetString(value)
		}
	})
}

// changed changes what in points to for as long as use takes.
func changed(in any, change, use func()) {
	target := reflect.ValueOf(in).Elem()
	before := reflect.New(target.Type()).Elem()
	before.Set(target)
	target.Set(deepCopy(target))
	defer target.Set(before)
	change()
	use()
}

// deepCopy copies what pointers, slices and maps in exported fields lead to. Interfaces, such as readers, stay.
func deepCopy(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(deepCopy(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				c.Index(i).Set(deepCopy(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			c.Set(reflect.MakeMap(v.Type()))
			for _, key := range v.MapKeys() {
				c.SetMapIndex(key, deepCopy(v.MapIndex(key)))
			}
		}
	}
	return c
}
