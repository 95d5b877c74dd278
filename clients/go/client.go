package dtmsv1

import (
	"cmp"
	"context"
	"iter"
	"log"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	pause          = time.Second
	longestSilence = 30 * time.Second // three heartbeats

	// deadlines are for all calls but streams; one that waits for an order in flight ends by then.
	deadlines = `{"methodConfig": [
		{"name": [{"service": "grpc.health.v1.Health", "method": "Check"}], "timeout": "10s"},
		{"name": [{"service": "dtms.v1.DtmsService"}], "timeout": "40s"},
		{"name": [{"service": "dtms.v1.DtmsService", "method": "StreamMonitorEvents"}]}]}`
)

// Connect opens a channel to HOST:PORT, by default 127.0.0.1:50051, and returns once DTMS is ready,
// or with the error of a server that is not DTMS; the first failure is logged. The channel is closed
// when the context is done. Every call on it has a deadline of 40 s, or the context's own where that
// is sooner.
func Connect(ctx context.Context, target string) (DtmsServiceClient, error) {
	alive := keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}
	reconnect := grpc.ConnectParams{MinConnectTimeout: 5 * time.Second, Backoff: backoff.Config{
		BaseDelay: pause, Multiplier: 2, Jitter: 0.2, MaxDelay: 5 * time.Second}}
	channel, err := grpc.NewClient(cmp.Or(target, "127.0.0.1:50051"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(alive),
		grpc.WithConnectParams(reconnect),
		grpc.WithDefaultServiceConfig(deadlines))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { channel.Close() })
	if err := waitUntilReady(ctx, health.NewHealthClient(channel)); err != nil {
		return nil, err
	}
	return NewDtmsServiceClient(channel), nil
}

func waitUntilReady(ctx context.Context, service health.HealthClient) error {
	request := &health.HealthCheckRequest{Service: "readiness"}
	for failures := 0; ctx.Err() == nil; time.Sleep(pause) {
		answer, err := service.Check(ctx, request)
		switch {
		case err == nil && answer.Status == health.HealthCheckResponse_SERVING:
			return nil
		case isFinal(err):
			return err
		case err != nil:
			if failures++; failures == 1 {
				log.Println("waiting for DTMS:", err)
			}
		}
	}
	return ctx.Err()
}

// Follow yields every event past the token, through restarts, broken connections and streams that
// fall silent, until the context is done. An error that a new call would meet again is yielded, and
// ends it.
func Follow(
	ctx context.Context, service DtmsServiceClient, token string,
) iter.Seq2[*MonitorEvent, error] {
	return func(yield func(*MonitorEvent, error) bool) {
		place := &StreamMonitorEventsRequest{ResumeToken: token}
		for ; ctx.Err() == nil; time.Sleep(pause) {
			wanted, err := read(ctx, service, place, yield)
			if !wanted {
				return
			}
			if isFinal(err) {
				yield(nil, err)
				return
			}
		}
	}
}

// read yields the events of one stream until it ends, and tells whether more are wanted.
func read(
	ctx context.Context, service DtmsServiceClient, place *StreamMonitorEventsRequest,
	yield func(*MonitorEvent, error) bool,
) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := service.StreamMonitorEvents(ctx, place)
	for err == nil {
		silence := time.AfterFunc(longestSilence, cancel)
		var message *StreamMonitorEventsResponse
		message, err = stream.Recv()
		silence.Stop()
		if err != nil {
			break
		}
		place.ResumeToken = message.ResumeToken
		if event := message.GetEvent(); event != nil && !yield(event, nil) {
			return false, nil
		}
	}
	return true, err
}

// isFinal tells whether a new call would meet the error again.
func isFinal(err error) bool {
	switch reason := Reason(err); status.Code(err) {
	case codes.Unavailable:
		return false
	case codes.Unimplemented:
		return true
	default:
		return reason != "" && reason != "SLOW_CONSUMER"
	}
}

// Reason returns why DTMS refused; "" where the error is gRPC's own, or none.
func Reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			return info.Reason
		}
	}
	return ""
}
