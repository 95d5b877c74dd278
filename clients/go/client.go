package dtmsv1

import (
	"cmp"
	"context"
	"iter"
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
	pause = time.Second

	// deadlines are for all calls but streams; one that waits for an order in flight ends by then.
	deadlines = `{"methodConfig": [
		{"name": [{"service": "dtms.v1.DtmsService"}], "timeout": "40s"},
		{"name": [{"service": "dtms.v1.DtmsService", "method": "StreamMonitorEvents"}]}]}`
)

// Connect opens a channel to HOST:PORT, by default 127.0.0.1:50051, and returns once DTMS is ready.
// The channel is closed when the context is done. Every call on it has a deadline of 40 s, or the
// context's own where that is sooner.
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
	request := &health.HealthCheckRequest{Service: "readiness"}
	for ; ctx.Err() == nil; time.Sleep(pause) {
		answer, err := health.NewHealthClient(channel).Check(ctx, request)
		if err == nil && answer.Status == health.HealthCheckResponse_SERVING {
			return NewDtmsServiceClient(channel), nil
		}
	}
	return nil, ctx.Err()
}

// Follow yields every event past the token, through restarts and broken connections, until the
// context is done. An error that a new call would meet again is yielded, and ends it.
func Follow(
	ctx context.Context, service DtmsServiceClient, token string,
) iter.Seq2[*MonitorEvent, error] {
	return func(yield func(*MonitorEvent, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for ; ctx.Err() == nil; time.Sleep(pause) {
			request := &StreamMonitorEventsRequest{ResumeToken: token}
			stream, err := service.StreamMonitorEvents(ctx, request)
			for err == nil {
				var message *StreamMonitorEventsResponse
				if message, err = stream.Recv(); err != nil {
					break
				}
				token = message.ResumeToken
				if event := message.GetEvent(); event != nil && !yield(event, nil) {
					return
				}
			}
			if status.Code(err) != codes.Unavailable && Reason(err) != "" {
				yield(nil, err)
				return
			}
		}
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
