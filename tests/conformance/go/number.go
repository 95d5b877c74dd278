package main

import (
	"encoding/json"
	"math/big"
	"regexp"
)

// number is how JSON writes one.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// equalNumbers compares two numbers exactly, of which one may be written as text.
func equalNumbers(one, other any) bool {
	_, text := one.(string)
	_, too := other.(string)
	x, y := rational(one), rational(other)
	return !(text && too) && x != nil && y != nil && x.Cmp(y) == 0
}

// rational returns the number that a value is or writes; nil: it is none.
func rational(value any) *big.Rat {
	var written string
	switch value := value.(type) {
	case json.Number:
		written = value.String()
	case string:
		written = value
	}
	if !number.MatchString(written) {
		return nil
	}
	exact, _ := new(big.Rat).SetString(written)
	return exact
}
