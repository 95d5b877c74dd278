package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	dtms "conformance/dtms/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

const patience = 60 * time.Second

func (p *player) playOne(text []byte) error {
	var step step
	if err := decode(text, &step); err != nil {
		return err
	}
	switch {
	case step.Do != "":
		return p.ask(step)
	case step.Call != "", step.Health != nil:
		return p.call(step)
	case step.Stream != nil:
		return p.stream(step)
	case step.Follow != "":
		return p.follow(step)
	case step.Await != "":
		return p.await(step)
	case step.End != "":
		return p.end(step)
	}
	return errors.New("there is no such step")
}

// call calls until the outcome is as told, or another call would not do better.
func (p *player) call(step step) error {
	for began := time.Now(); ; time.Sleep(pause) {
		answer, err := p.answer(step)
		unexpected := unlikeOutcome(step, answer, err)
		if unexpected == nil {
			return p.keep(step, answer)
		}
		code := status.Code(err)
		passing := err == nil || code == codes.Unavailable || code == codes.DeadlineExceeded
		if !step.Retry || !passing || time.Since(began) > patience {
			return unexpected
		}
	}
}

func (p *player) answer(step step) (any, error) {
	deadline := seconds(cmp.Or(step.DeadlineSeconds, 10))
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if step.CancelAfterSeconds > 0 {
		defer time.AfterFunc(seconds(step.CancelAfterSeconds), cancel).Stop()
	}
	if step.Health != nil {
		return p.service.check(ctx, *step.Health)
	}
	return p.service.call(ctx, step.Call, step.Request)
}

func unlikeOutcome(step step, answer any, err error) error {
	switch {
	case err != nil && step.Error != nil:
		return unlikeFailure(step.Error, err)
	case err != nil:
		return fmt.Errorf("it failed %s: %w", reason(err), err)
	case step.Error != nil:
		return fmt.Errorf("it was not refused, but told %s", shown(answer))
	case step.Health != nil:
		return unlike(object{"status": step.Status}, answer, "health")
	}
	return unlike(step.Answer, answer, "answer")
}

func (p *player) stream(step step) error {
	request := new(dtms.StreamMonitorEventsRequest)
	if err := protojson.Unmarshal(step.Stream, request); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	wanted := step.Events
	for message, err := range p.service.stream(ctx, request) {
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
	if err := protojson.Unmarshal(step.Request, request); err != nil {
		return err
	}
	p.followers[step.Follow] = newFollower(p.service, request)
	return nil
}

func (p *player) await(step step) error {
	follower, follows := p.followers[step.Await]
	if !follows {
		return fmt.Errorf("nobody follows as %s", step.Await)
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
	follower, follows := p.followers[step.End]
	if !follows {
		return fmt.Errorf("nobody follows as %s", step.End)
	}
	delete(p.followers, step.End)
	return p.lines.Encode(object{"told": step.End, "sequences": follower.end()})
}

func seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }
