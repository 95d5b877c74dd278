package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// step is one of a scenario; the README beside this folder says what its parts mean.
type step struct {
	Say, Do, Call, Health, Status, Follow, Await, End *string

	Request, Stream    object
	With, Until        object
	Answer, Error      object
	Events             []object
	Keep               map[string]string
	Retry              bool
	DeadlineSeconds    *float64 `json:"deadline_seconds"`
	CancelAfterSeconds *float64 `json:"cancel_after_seconds"`

	Repeat *uint
	Steps  []object
}

// wantedError is an error as a step expects it.
type wantedError struct {
	Code, Reason string
	Metadata     object
	Violations   []string
	Retry        bool
}

var errorParts = []string{"code", "reason", "metadata", "violations", "retry"}
var tried = []string{"deadline_seconds", "cancel_after_seconds", "retry"}

// kinds has each kind of step, and what it may have beside `say`.
var kinds = map[string][]string{
	"do":     {"with", "keep"},
	"call":   append([]string{"request", "answer", "error", "keep"}, tried...),
	"health": append([]string{"status", "error", "keep"}, tried...),
	"stream": {"events", "error", "keep"},
	"follow": {"request"},
	"await":  {"events", "until"},
	"end":    {},
	"repeat": {"steps"},
}

// needed has what a step of the kind has exactly one of.
var needed = map[string][]string{
	"health": {"status", "error"},
	"stream": {"events", "error"},
	"await":  {"events", "until"},
	"follow": {"request"},
	"repeat": {"steps"},
}

// malformed is a scenario, or a step, that is not what the README says.
type malformed struct{ error }

func malformedf(format string, values ...any) error {
	return malformed{fmt.Errorf(format, values...)}
}

// read reads a step, and tells what is wrong with it.
func read(told object) (step step, err error) {
	kind, err := kindOf(told)
	if err != nil {
		return step, err
	}
	if err := into(told, &step, append([]string{"say", kind}, kinds[kind]...)); err != nil {
		return step, err
	}
	return step, checked(kind, told, step)
}

// into reads an object that may have these parts.
func into(told object, value any, names []string) error {
	for name, part := range told {
		if part == nil || !slices.Contains(names, name) {
			return malformedf("there can be no %s that is %s", name, shown(part))
		}
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(shown(told))))
	decoder.UseNumber()
	if err := decoder.Decode(value); err != nil {
		return malformed{err}
	}
	return nil
}

func kindOf(told object) (string, error) {
	found := []string{}
	for kind := range kinds {
		if _, has := told[kind]; has {
			found = append(found, kind)
		}
	}
	if len(found) != 1 {
		return "", malformed{errors.New("there is no such step")}
	}
	return found[0], nil
}

func checked(kind string, told object, step step) error {
	if wanted := needed[kind]; len(wanted) > 0 && count(told, wanted...) != 1 {
		return malformedf("%s needs one of %v", kind, wanted)
	}
	if step.Error != nil {
		if count(step.Error, "code") == 0 || count(told, "answer", "keep") > 0 {
			return malformedf("an error needs a code, and excludes an answer and what it keeps")
		}
		if err := into(step.Error, new(wantedError), errorParts); err != nil {
			return err
		}
	}
	for _, seconds := range []*float64{step.DeadlineSeconds, step.CancelAfterSeconds} {
		if seconds != nil && *seconds <= 0 {
			return malformedf("%v seconds cannot be", *seconds)
		}
	}
	return nil
}

func count(told object, names ...string) (found int) {
	for _, name := range names {
		if _, has := told[name]; has {
			found++
		}
	}
	return found
}
