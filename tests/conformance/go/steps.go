package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	dtms "conformance/dtms/v1"
)

const patience = 60 * time.Second

func (p *player) playOne(step step) error {
	switch {
	case step.Do != nil:
		return p.ask(step)
	case step.Call != nil, step.Health != nil:
		return p.call(step)
	case step.Stream != nil:
		return p.stream(step)
	case step.Follow != nil:
		return p.follow(step)
	case step.Await != nil:
		return p.await(step)
	}
	return p.end(step)
}

// call calls until the outcome is as told, or another call would not do better.
func (p *player) call(step step) error {
	for began := time.Now(); ; time.Sleep(pause) {
		answer, err := p.answer(step)
		unexpected := unlikeOutcome(step, answer, err)
		if unexpected == nil {
			return p.keep(step, answer)
		}
		if !step.Retry || !passes(err) || time.Since(began) > patience {
			return unexpected
		}
	}
}

func (p *player) answer(step step) (any, error) {
	deadline := 10 * time.Second
	if step.DeadlineSeconds != nil {
		deadline = seconds(*step.DeadlineSeconds)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if step.CancelAfterSeconds != nil {
		defer time.AfterFunc(seconds(*step.CancelAfterSeconds), cancel).Stop()
	}
	if step.Health != nil {
		return p.service.check(ctx, *step.Health)
	}
	return p.service.call(ctx, *step.Call, step.Request)
}

func unlikeOutcome(step step, answer any, err error) error {
	var wrong malformed
	switch {
	case errors.As(err, &wrong):
		return err
	case err != nil && step.Error != nil:
		return unlikeFailure(step.Error, err)
	case err != nil:
		return fmt.Errorf("it failed %s: %w", reason(err), err)
	case step.Error != nil:
		return fmt.Errorf("it was not refused, but told %s", shown(answer))
	case step.Health != nil:
		return unlike(object{"status": *step.Status}, answer, "health")
	}
	if step.Answer == nil {
		return nil // any will do
	}
	return unlike(step.Answer, answer, "answer")
}

func (p *player) stream(step step) error {
	request := new(dtms.StreamMonitorEventsRequest)
	if err := parse(step.Stream, request); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	wanted := step.Events
	for message, err := range p.service.stream(ctx, request) {
		if errors.Is(err, io.EOF) {
			return errors.New("the stream ended by itself")
		}
		if err != nil || step.Error != nil {
			return unlikeOutcome(step, plain(message), err)
		}
		if event := message.GetEvent(); event != nil && len(wanted) > 0 {
			if err := unlike(wanted[0], plain(event), "event"); err != nil {
				return err
			}
			wanted = wanted[1:]
		}
		if len(wanted) == 0 {
			return p.keep(step, plain(message))
		}
	}
	return nil
}

func (p *player) follow(step step) error {
	request := new(dtms.StreamMonitorEventsRequest)
	if err := parse(step.Request, request); err != nil {
		return err
	}
	if p.followers[*step.Follow] != nil {
		return malformedf("%s follows already", *step.Follow)
	}
	p.followers[*step.Follow] = newFollower(p.service, request)
	return nil
}

func (p *player) await(step step) error {
	follower, follows := p.followers[*step.Await]
	if !follows {
		return fmt.Errorf("nobody follows as %s", *step.Await)
	}
	timeout := time.After(patience)
	for _, wanted := range step.Events {
		event, err := follower.next(timeout)
		if err == nil {
			err = unlike(wanted, event, "event")
		}
		if err != nil {
			return err
		}
	}
	for step.Until != nil {
		event, err := follower.next(timeout)
		if err != nil || unlike(step.Until, event, "event") == nil {
			return err
		}
	}
	return nil
}

func (p *player) end(step step) error {
	follower, follows := p.followers[*step.End]
	if !follows {
		return fmt.Errorf("nobody follows as %s", *step.End)
	}
	delete(p.followers, *step.End)
	return p.lines.Encode(object{"told": *step.End, "sequences": follower.end()})
}

func seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }
