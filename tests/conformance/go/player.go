package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// player plays a scenario, and speaks with the director.
type player struct {
	service   *service
	answers   *json.Decoder
	lines     *json.Encoder
	followers map[string]*follower
	kept      map[string]string
	count     int
}

func newPlayer(service *service, answers io.Reader, lines io.Writer) *player {
	return &player{service: service, answers: json.NewDecoder(answers), lines: json.NewEncoder(lines),
		followers: map[string]*follower{}, kept: map[string]string{}}
}

// play plays the steps until one does not come out as told, and tells the director of each.
func (p *player) play(steps []object) error {
	for _, told := range steps {
		step, wrong := read(told)
		if wrong == nil && step.Repeat != nil {
			for range *step.Repeat {
				if err := p.play(step.Steps); err != nil {
					return err
				}
			}
			continue
		}
		p.count++
		if wrong == nil {
			wrong = p.playFilled(told)
		}
		if err := p.tell(wrong, told); err != nil {
			return err
		}
	}
	return nil
}

// tell tells the director what came of a step, and returns what was wrong.
func (p *player) tell(wrong error, told object) error {
	line := object{"step": p.count, "ok": true}
	if wrong != nil {
		line = object{"step": p.count, "ok": false, "why": fmt.Sprintf("%s: %v", shown(told), wrong)}
	}
	return errors.Join(wrong, p.lines.Encode(line))
}

func (p *player) playFilled(told object) error {
	filled, err := p.filled(told)
	if err != nil {
		return err
	}
	step, err := read(filled.(object))
	if err != nil {
		return err
	}
	return p.playOne(step)
}

var named = regexp.MustCompile(`\$\{\w+\}`)

// filled returns a value with what was kept in the place of its names.
func (p *player) filled(value any) (filled any, err error) {
	switch value := value.(type) {
	case string:
		text := named.ReplaceAllStringFunc(value, func(name string) string {
			text, kept := p.kept[name[2:len(name)-1]]
			if !kept {
				err = malformedf("nothing was kept as %s", name)
			}
			return text
		})
		return text, err
	case object:
		filled := object{}
		for name, part := range value {
			if filled[name], err = p.filled(part); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case []any:
		filled := []any{}
		for _, part := range value {
			part, err := p.filled(part)
			if err != nil {
				return nil, err
			}
			filled = append(filled, part)
		}
		return filled, nil
	}
	return value, nil
}

// keep keeps parts of an answer under the names that the step gives them.
func (p *player) keep(step step, answer any) error {
	for name, path := range step.Keep {
		value := answer
		for part := range strings.SplitSeq(path, ".") {
			value = parts(value)[part]
		}
		text, is := value.(string)
		if !is {
			return malformedf("there is no text at %s to keep in %s", path, shown(answer))
		}
		p.kept[name] = text
	}
	return nil
}

// ask asks the director for a deed.
func (p *player) ask(step step) error {
	deed := object{"do": *step.Do, "with": step.With}
	if step.With == nil {
		deed["with"] = object{}
	}
	if err := p.lines.Encode(deed); err != nil {
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
