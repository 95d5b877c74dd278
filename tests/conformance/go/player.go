package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// step is one of a scenario; the README beside this folder says what its parts mean.
type step struct {
	Do, Call, Status, Follow, Await, End string

	Health             *string
	Request, Stream    json.RawMessage
	With, Until        object
	Answer, Error      object
	Events             []any
	Keep               map[string]string
	Retry              bool
	DeadlineSeconds    float64 `json:"deadline_seconds"`
	CancelAfterSeconds float64 `json:"cancel_after_seconds"`

	Repeat int
	Steps  []json.RawMessage
}

// player plays a scenario, and speaks with the director.
type player struct {
	service   *service
	answers   *json.Decoder
	lines     *json.Encoder
	followers map[string]*follower
	kept      map[string]string // as it is written within JSON's quotes
	count     int
}

func newPlayer(service *service, answers io.Reader, lines io.Writer) *player {
	return &player{service: service, answers: json.NewDecoder(answers), lines: json.NewEncoder(lines),
		followers: map[string]*follower{}, kept: map[string]string{}}
}

// play plays the steps until one does not come out as told, and tells the director of each.
func (p *player) play(steps []json.RawMessage) error {
	for _, text := range steps {
		var step step
		if err := decode(text, &step); err != nil {
			return err
		}
		for range step.Repeat {
			if err := p.play(step.Steps); err != nil {
				return err
			}
		}
		if step.Repeat > 0 {
			continue
		}
		p.count++
		line := object{"step": p.count, "ok": true}
		unexpected := p.playOne(p.filled(text))
		if unexpected != nil {
			line = object{"step": p.count, "ok": false, "why": fmt.Sprintf("%s: %v", text, unexpected)}
		}
		if err := errors.Join(unexpected, p.lines.Encode(line)); err != nil {
			return err
		}
	}
	return nil
}

var named = regexp.MustCompile(`\$\{\w+\}`)

// filled returns a step with what was kept in the place of its names.
func (p *player) filled(text []byte) []byte {
	return named.ReplaceAllFunc(text, func(name []byte) []byte {
		return []byte(p.kept[string(name[2:len(name)-1])])
	})
}

// keep keeps parts of an answer under the names that the step gives them.
func (p *player) keep(step step, answer any) error {
	for name, path := range step.Keep {
		value := answer
		for part := range strings.SplitSeq(path, ".") {
			value = parts(value)[part]
		}
		if value == nil {
			return fmt.Errorf("there is no %s to keep in %s", path, shown(answer))
		}
		quoted := shown(fmt.Sprint(value))
		p.kept[name] = quoted[1 : len(quoted)-1]
	}
	return nil
}

// ask asks the director for a deed.
func (p *player) ask(step step) error {
	if err := p.lines.Encode(object{"do": step.Do, "with": step.With}); err != nil {
		return err
	}
	var answer object
	if err := p.answers.Decode(&answer); err != nil {
		return fmt.Errorf("the director has gone: %w", err)
	}
	if reason, failed := answer["error"]; failed {
		return fmt.Errorf("the director: %v", reason)
	}
	return p.keep(step, answer)
}
