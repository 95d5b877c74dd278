package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failure returns an error of a call as scenarios speak of it.
func failure(err error) object {
	told := object{"code": code.Code(status.Code(err)).String()}
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			maps.Copy(told, parts(plain(detail))) // reason, domain and metadata
		case *errdetails.BadRequest:
			fields := []any{}
			for _, violation := range detail.FieldViolations {
				fields = append(fields, violation.Field)
			}
			told["violations"] = sorted(fields)
		case *errdetails.RetryInfo:
			told["retry"] = detail.RetryDelay.AsDuration() > 0
			told["delay"] = detail.RetryDelay.AsDuration()
		}
	}
	return told
}

// reason returns the reason of an error; "" where it has no ErrorInfo.
func reason(err error) string {
	reason, _ := failure(err)["reason"].(string)
	return reason
}

// passes says whether a call may do better when it is repeated: also after what gRPC's libraries tell,
// without an ErrorInfo, of a connection that died amid a call.
func passes(err error) bool {
	switch status.Code(err) {
	case codes.OK, codes.Unavailable:
		return true
	case codes.DeadlineExceeded, codes.Unknown, codes.Internal, codes.Canceled:
		return reason(err) == ""
	}
	return false
}

// interrupts says whether a follower goes on after an error.
func interrupts(err error) bool {
	slow := status.Code(err) == codes.ResourceExhausted && reason(err) == "SLOW_CONSUMER"
	return status.Code(err) == codes.Unavailable || slow || reason(err) == ""
}

// delay returns how long a follower waits after an error.
func delay(err error) time.Duration {
	told, _ := failure(err)["delay"].(time.Duration)
	return min(cmp.Or(max(told, 0), pause), longestPause)
}

// unlikeFailure tells how an error differs from the one that was expected; nil: it does not.
func unlikeFailure(want object, err error) error {
	want = maps.Clone(want)
	if fields, given := want["violations"].([]any); given {
		want["violations"] = sorted(fields)
	}
	if reason, given := want["reason"]; given && reason != "" {
		want["domain"] = "dtms"
	}
	if difference := unlike(want, failure(err), "error"); difference != nil {
		return fmt.Errorf("%w (%w)", difference, err)
	}
	return nil
}

func sorted(fields []any) []any {
	return slices.SortedFunc(slices.Values(fields), func(a, b any) int {
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}
