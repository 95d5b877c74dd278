package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.grpc.CallOptions;
import io.grpc.StatusException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Follows events in a thread of its own, on through restarts of the service. */
final class Follower {
  private static final Duration PAUSE = Duration.ofMillis(100);

  private record Told(JsonObject event, Failure failure) {}

  private final Service service;
  private final JsonObject request;
  private final BlockingQueue<Told> told = new LinkedBlockingQueue<>();
  private final JsonArray sequences = new JsonArray();
  private final Thread thread = new Thread(this::run);

  Follower(Service service, JsonObject request) {
    this.service = service;
    this.request = request.deepCopy();
    thread.setDaemon(true);
    thread.start();
  }

  /** Returns the next event that it was told. */
  JsonObject next(Duration patience) throws InterruptedException, Unexpected {
    var next = told.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
    if (next == null) {
      throw new Unexpected("no further event was told");
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
      while (readOn()) {
        TimeUnit.MILLISECONDS.sleep(PAUSE.toMillis());
        service.hurry();
      }
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
    }
  }

  /** Reads one stream to its end; returns whether another is to be begun. */
  private boolean readOn() throws InterruptedException {
    var stream = service.stream(request, CallOptions.DEFAULT);
    try {
      for (var message = stream.read(); message != null; message = stream.read()) {
        take(Service.json(message));
      }
      return true;
    } catch (StatusException error) {
      var failure = Failure.of(error);
      if (!failure.interrupts()) {
        told.add(new Told(null, failure));
      }
      return failure.interrupts();
    } finally {
      stream.cancel("no longer read", null);
    }
  }

  private void take(JsonObject message) {
    if (message.has("resumeToken")) {
      request.add("resumeToken", message.get("resumeToken"));
    }
    if (message.has("event")) {
      var event = message.getAsJsonObject("event");
      sequences.add(event.get("sequence"));
      told.add(new Told(event, null));
    }
  }
}
