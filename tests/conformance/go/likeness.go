package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

type object = map[string]any

// unlike tells where and how an answer differs from what was expected; nil: it does not.
func unlike(want, got any, path string) error {
	_, list := want.([]any)
	wanted, given := parts(want), parts(got)
	if wanted == nil || reflect.TypeOf(want) != reflect.TypeOf(got) || list && len(wanted) != len(given) {
		if alike(want, got) {
			return nil
		}
		return fmt.Errorf("%s should be %s, and is %s", path, shown(want), shown(got))
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := unlike(wanted[name], given[name], path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// parts returns the fields of an object, or the elements of a list by their places; nil: it has none.
func parts(value any) object {
	switch value := value.(type) {
	case object:
		return value
	case []any:
		elements := object{}
		for place, element := range value {
			elements[strconv.Itoa(place)] = element
		}
		return elements
	}
	return nil
}

// alike compares texts, truths and numbers, and anything with nothing.
func alike(want, got any) bool {
	if got == nil {
		_, text := want.(string)
		nothing := slices.Contains([]string{"null", "false", `""`, "[]", "{}"}, shown(want))
		return nothing || !text && equalNumbers(want, json.Number("0"))
	}
	return want == "*" || reflect.DeepEqual(want, got) || equalNumbers(want, got)
}

// decode reads JSON with its numbers as they are written, so that none loses a digit.
func decode(text []byte, into any) error {
	if !json.Valid(text) {
		return errors.New("this is no JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// shown returns a value as JSON.
func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // what was decoded can be encoded
	}
	return string(text)
}
