package main

import (
	"context"
	"iter"
	"reflect"
	"time"

	dtms "conformance/dtms/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// service is what can be called on the one channel; requests and answers are protobuf's JSON.
type service struct {
	channel *grpc.ClientConn
	dtms    dtms.DtmsServiceClient
	health  health.HealthClient
}

func newService(address string) (*service, error) {
	reconnect := backoff.Config{
		BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second}
	alive := keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}
	channel, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(alive),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDisableRetry())
	if err != nil {
		return nil, err
	}
	return &service{channel, dtms.NewDtmsServiceClient(channel), health.NewHealthClient(channel)}, nil
}

func (s *service) close() { s.channel.Close() }

// call makes the unary call of that name.
func (s *service) call(ctx context.Context, name string, request object) (any, error) {
	method := reflect.ValueOf(s.dtms).MethodByName(name)
	if !method.IsValid() || name == "StreamMonitorEvents" {
		return nil, malformedf("there is no call %s", name)
	}
	asked := reflect.New(method.Type().In(1).Elem())
	if err := parse(request, asked.Interface().(proto.Message)); err != nil {
		return nil, err
	}
	told := method.Call([]reflect.Value{reflect.ValueOf(ctx), asked})
	if err, failed := told[1].Interface().(error); failed {
		return nil, err
	}
	return plain(told[0].Interface().(proto.Message)), nil
}

// parse reads a request from its JSON.
func parse(request object, into proto.Message) error {
	if request == nil {
		return nil
	}
	if err := protojson.Unmarshal([]byte(shown(request)), into); err != nil {
		return malformed{err}
	}
	return nil
}

// check asks for the health of a name.
func (s *service) check(ctx context.Context, name string) (any, error) {
	answer, err := s.health.Check(ctx, &health.HealthCheckRequest{Service: name})
	return plain(answer), err
}

// stream opens StreamMonitorEvents, and yields its messages and at last its error.
func (s *service) stream(
	ctx context.Context, request *dtms.StreamMonitorEventsRequest,
) iter.Seq2[*dtms.StreamMonitorEventsResponse, error] {
	return func(yield func(*dtms.StreamMonitorEventsResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := s.dtms.StreamMonitorEvents(ctx, request)
		for err == nil {
			var message *dtms.StreamMonitorEventsResponse
			if message, err = stream.Recv(); err == nil && !yield(message, nil) {
				return
			}
		}
		yield(nil, err)
	}
}

// plain returns a message as its JSON, decoded.
func plain(message proto.Message) any {
	text, err := protojson.Marshal(message)
	if err != nil {
		panic(err) // what was decoded can be encoded
	}
	var value any
	if err := decode(text, &value); err != nil {
		panic(err)
	}
	return value
}
