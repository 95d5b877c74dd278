package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** A call failed: its error, as scenarios speak of it. */
final class Failure extends Unexpected {
  private static final String DOMAIN = "dtms";
  /** What gRPC's libraries tell, without an ErrorInfo, of a connection that died amid a call. */
  private static final Set<String> OF_DEAD_CONNECTIONS =
      Set.of("DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL", "CANCELLED");


  private static final Duration PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

  private final JsonObject told;
  private final Duration delay;

  private Failure(String message, JsonObject told, Duration delay) {
    super(message);
    this.told = told;
    this.delay = delay;
  }

  /** Reads a gRPC error with its details; an ErrorInfo that is not there has no reason. */
  static Failure of(Throwable error) {
    var details = StatusProto.fromThrowable(error).getDetailsList();
    var info = detail(details, ErrorInfo.getDefaultInstance());
    var bad = detail(details, BadRequest.getDefaultInstance());
    var retry = detail(details, RetryInfo.getDefaultInstance());

    var told = new JsonObject();
    told.addProperty("code", Status.fromThrowable(error).getCode().name());
    told.addProperty("reason", info.getReason());
    told.addProperty("domain", info.getDomain());
    var metadata = new JsonObject();
    info.getMetadataMap().forEach(metadata::addProperty);
    told.add("metadata", metadata);
    var violations = bad.getFieldViolationsList().stream();
    told.add("violations", sorted(violations.map(BadRequest.FieldViolation::getField)));
    var delay = Duration.ofNanos(Durations.toNanos(retry.getRetryDelay()));
    told.addProperty("retry", Durations.isPositive(retry.getRetryDelay()));
    return new Failure("it failed: %s; %s".formatted(error.getMessage(), told), told, delay);
  }

  /** Demands that it is the error that was expected. */
  void demand(JsonObject expected) throws Unexpected {
    var wanted = expected.deepCopy();
    if (wanted.has("violations")) {
      var fields = wanted.getAsJsonArray("violations").asList().stream();
      wanted.add("violations", sorted(fields.map(JsonElement::getAsString)));
    }
    if (wanted.has("reason") && !wanted.get("reason").getAsString().isEmpty()) {
      wanted.addProperty("domain", DOMAIN);
    }
    var difference = Likeness.difference(wanted, told);
    if (difference.isPresent()) {
      throw new Failure(difference.get() + "; " + getMessage(), told, delay);
    }
  }

  @Override
  boolean passes() {
    var code = told.get("code").getAsString();
    var died = OF_DEAD_CONNECTIONS.contains(code) && told.get("reason").getAsString().isEmpty();
    return code.equals("UNAVAILABLE") || died;
  }

  /** Does a follower go on after this? */
  boolean interrupts() {
    var code = told.get("code").getAsString();
    var reason = told.get("reason").getAsString();
    return code.equals("UNAVAILABLE")
        || code.equals("RESOURCE_EXHAUSTED") && reason.equals("SLOW_CONSUMER")
        || reason.isEmpty();
  }

  /** Returns how long a follower waits after this. */
  Duration pause() {
    if (delay.isZero() || delay.isNegative()) {
      return PAUSE;
    }
    return delay.compareTo(LONGEST_PAUSE) < 0 ? delay : LONGEST_PAUSE;
  }

  private static JsonArray sorted(Stream<String> fields) {
    var sorted = new JsonArray();
    fields.sorted().forEach(sorted::add);
    return sorted;
  }

  private static <T extends Message> T detail(List<Any> details, T none) {
    try {
      for (var detail : details) {
        if (detail.isSameTypeAs(none)) {
          return detail.unpackSameTypeAs(none);
        }
      }
    } catch (InvalidProtocolBufferException garbled) {
      throw new IllegalStateException(garbled);
    }
    return none;
  }
}
