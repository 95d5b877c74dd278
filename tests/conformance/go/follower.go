package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	dtms "conformance/dtms/v1"
)

const (
	pause        = 100 * time.Millisecond
	longestPause = 2 * time.Second
	room         = 10_000 // events that a follower holds until they are awaited
)

// follower goes on where it was, whatever becomes of the service.
type follower struct {
	events    chan any
	cancel    context.CancelFunc
	failure   error    // why it ended by itself; set before events is closed
	sequences []string // of all that it was told; for use after events is closed
}

func newFollower(service *service, request *dtms.StreamMonitorEventsRequest) *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{events: make(chan any, room), cancel: cancel, sequences: []string{}}
	go f.run(ctx, service, request)
	return f
}

func (f *follower) run(ctx context.Context, service *service, request *dtms.StreamMonitorEventsRequest) {
	defer close(f.events)
	for ctx.Err() == nil {
		wait := pause
		for message, err := range service.stream(ctx, request) {
			if err != nil && !interrupts(err) {
				f.failure = err
				return
			}
			if err != nil {
				wait = delay(err)
			}
			if token := message.GetResumeToken(); token != "" {
				request.ResumeToken = token
			}
			if event := message.GetEvent(); event != nil {
				f.sequences = append(f.sequences, strconv.FormatUint(event.Sequence, 10))
				f.events <- plain(event)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// next returns the next event that was told.
func (f *follower) next(timeout <-chan time.Time) (any, error) {
	select {
	case event, told := <-f.events:
		if !told {
			return nil, f.failure
		}
		return event, nil
	case <-timeout:
		return nil, errors.New("no such event came in time")
	}
}

// end ends it, and returns the sequences of all that it was told.
func (f *follower) end() []string {
	f.cancel()
	for range f.events { // until run has closed it
	}
	return f.sequences
}
