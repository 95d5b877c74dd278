package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dtms.v1.StreamMonitorEventsRequest;
import io.grpc.CallOptions;
import io.grpc.StatusException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Follows events in a thread of its own, on through restarts of the service. */
final class Follower {
  private static final Duration PAUSE = Duration.ofMillis(100);

  private record Told(JsonObject event, Failure failure) {}

  private final Service service;
  private final StreamMonitorEventsRequest.Builder request;
  private final BlockingQueue<Told> told = new LinkedBlockingQueue<>();
  private final JsonArray sequences = new JsonArray();
  private final Thread thread = new Thread(this::run);

  Follower(Service service, JsonObject request) throws Unexpected {
    this.service = service;
    this.request = ((StreamMonitorEventsRequest) Service.streamRequest(request)).toBuilder();
    thread.setDaemon(true);
    thread.start();
  }

  /** Returns the next event that it was told. */
  JsonObject next(Duration patience) throws InterruptedException, Unexpected {
    var next = told.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
    if (next == null) {
      throw new Unexpected("no such event came in time");
    }
    if (next.failure != null) {
      throw next.failure;
    }
    return next.event;
  }

  /** Ends it, and returns the sequence numbers of all that it was told. */
  JsonArray end() throws InterruptedException {
    thread.interrupt();
    thread.join();
    return sequences;
  }

  private void run() {
    try {
      for (var pause = readOn(); pause.isPresent(); pause = readOn()) {
        TimeUnit.NANOSECONDS.sleep(pause.get().toNanos());
        service.hurry();
      }
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
    }
  }

  /** Reads one stream to its end; returns how long to wait before another, if it is to be begun. */
  private Optional<Duration> readOn() throws InterruptedException {
    var stream = service.stream(request.build(), CallOptions.DEFAULT);
    try {
      for (var message = stream.read(); message != null; message = stream.read()) {
        take(Service.json(message));
      }
      return Optional.of(PAUSE);
    } catch (StatusException error) {
      var failure = Failure.of(error);
      if (!failure.interrupts()) {
        told.add(new Told(null, failure));
        return Optional.empty();
      }
      return Optional.of(failure.pause());
    } finally {
      stream.cancel("no longer read", null);
    }
  }

  private void take(JsonObject message) {
    if (message.has("resumeToken")) {
      request.setResumeToken(message.get("resumeToken").getAsString());
    }
    if (message.has("event")) {
      var event = message.getAsJsonObject("event");
      sequences.add(event.get("sequence"));
      told.add(new Told(event, null));
    }
  }
}
