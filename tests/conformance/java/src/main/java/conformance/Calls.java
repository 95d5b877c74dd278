package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.grpc.StatusException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Steps that call the service, and what they expect of it. */
final class Calls {
  /** How long something may take that is waited for. */
  static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final Duration DEADLINE = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final Service service;

  Calls(Service service) {
    this.service = service;
  }

  /** Calls until it comes out as told, where the step says so; returns the answer. */
  JsonObject call(JsonObject step) throws InterruptedException, Unexpected {
    var end = Instant.now().plus(PATIENCE);
    while (true) {
      try {
        return callOnce(step);
      } catch (Unexpected fault) {
        if (!isRetried(step) || !fault.passes() || Instant.now().isAfter(end)) {
          throw fault;
        }
      }
      Thread.sleep(PAUSE.toMillis());
      service.hurry();
    }
  }

  /** Reads as many events, and a message at least, or the error; returns the last message. */
  JsonObject stream(JsonObject step) throws InterruptedException, Unexpected {
    var stream = service.stream(
            Service.streamRequest(step.getAsJsonObject("stream")), Service.within(PATIENCE));
    var events = step.has("events") ? step.getAsJsonArray("events") : new JsonArray();
    var message = new JsonObject();
    try {
      int told = 0;
      do {
        var read = stream.read();
        if (read == null) {
          throw new Unexpected("the stream ended by itself");
        }
        message = Service.json(read);
        demandNoError(step, message);
        if (message.has("event") && told < events.size()) {
          Likeness.demand(events.get(told++), message.get("event"));
        }
      } while (told < events.size());
    } catch (StatusException error) {
      demandError(step, Failure.of(error));
    } finally {
      stream.cancel("no longer read", null);
    }
    return message;
  }

  private JsonObject callOnce(JsonObject step) throws Unexpected {
    try {
      var answer = answer(step);
      demandNoError(step, answer);
      Likeness.demand(wanted(step), answer);
      return answer;
    } catch (Failure failure) {
      demandError(step, failure);
      return new JsonObject();
    }
  }

  private JsonObject answer(JsonObject step) throws Unexpected {
    var deadline = seconds(step, "deadline_seconds").orElse(DEADLINE);
    var cancelAfter = seconds(step, "cancel_after_seconds");
    if (step.has("health")) {
      return service.health(step.get("health").getAsString(), deadline, cancelAfter);
    }
    var request = step.has("request") ? step.getAsJsonObject("request") : new JsonObject();
    return service.call(step.get("call").getAsString(), request, deadline, cancelAfter);
  }

  private static JsonObject wanted(JsonObject step) {
    var wanted = new JsonObject();
    if (step.has("status")) {
      wanted.add("status", step.get("status"));
    }
    return step.has("answer") ? step.getAsJsonObject("answer") : wanted;
  }

  private static boolean isRetried(JsonObject step) {
    return step.has("retry") && step.get("retry").getAsBoolean();
  }

  private static void demandNoError(JsonObject step, JsonObject answer) throws Unexpected {
    if (step.has("error")) {
      throw new Unexpected("expected the error %s, came %s".formatted(step.get("error"), answer));
    }
  }

  private static void demandError(JsonObject step, Failure failure) throws Unexpected {
    if (!step.has("error")) {
      throw failure;
    }
    failure.demand(step.getAsJsonObject("error"));
  }

  private static Optional<Duration> seconds(JsonObject step, String name) {
    return Optional.ofNullable(step.get(name))
        .map(seconds -> Duration.ofMillis(Math.round(seconds.getAsDouble() * 1000)));
  }
}
