package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/** Plays the steps of a scenario, one after another. */
final class Player {
  private final Calls calls;
  private final Director director;
  private final Service service;
  private final Memory memory = new Memory();
  private final Map<String, Follower> followers = new HashMap<>();
  private int count;

  Player(Service service, Director director) {
    this.service = service;
    this.director = director;
    this.calls = new Calls(service);
  }

  /** Plays until a step does not come out as told; returns whether all did. */
  boolean play(JsonArray steps) throws IOException, InterruptedException {
    for (var step : steps) {
      if (!play(step.getAsJsonObject())) {
        return false;
      }
    }
    return true;
  }

  private boolean play(JsonObject step) throws IOException, InterruptedException {
    if (step.has("repeat")) {
      var passed = true;
      for (int left = step.get("repeat").getAsInt(); passed && left > 0; left--) {
        passed = play(step.getAsJsonArray("steps"));
      }
      return passed;
    }
    var line = new JsonObject();
    line.addProperty("step", ++count);
    try {
      perform(memory.filled(step).getAsJsonObject());
      line.addProperty("ok", true);
    } catch (Unexpected fault) {
      line.addProperty("ok", false);
      line.addProperty("why", name(step) + ": " + fault.getMessage());
    }
    director.tell(line);
    return line.get("ok").getAsBoolean();
  }

  private void perform(JsonObject step) throws IOException, InterruptedException, Unexpected {
    if (step.has("do")) {
      memory.keep(step, director.ask(step));
    } else if (step.has("call")) {
      memory.keep(step, calls.call(step));
    } else if (step.has("health")) {
      memory.keep(step, calls.health(step));
    } else if (step.has("stream")) {
      memory.keep(step, calls.stream(step));
    } else if (step.has("follow")) {
      var follower = new Follower(service, step.getAsJsonObject("request"));
      followers.put(step.get("follow").getAsString(), follower);
    } else if (step.has("await")) {
      await(followers.get(step.get("await").getAsString()), step);
    } else if (step.has("end")) {
      var told = new JsonObject();
      told.add("told", step.get("end"));
      told.add("sequences", followers.remove(step.get("end").getAsString()).end());
      director.tell(told);
    } else {
      throw new Unexpected("there is no such step");
    }
  }

  private static void await(Follower follower, JsonObject step)
      throws InterruptedException, Unexpected {
    var end = Instant.now().plus(Calls.PATIENCE);
    if (step.has("until")) {
      var last = step.get("until");
      while (Likeness.difference(last, follower.next(Duration.between(Instant.now(), end)))
          .isPresent()) {
        // it is not this one yet
      }
      return;
    }
    for (var wanted : step.getAsJsonArray("events")) {
      Likeness.demand(wanted, follower.next(Duration.between(Instant.now(), end)));
    }
  }

  private static String name(JsonObject step) {
    return Stream.of("say", "do", "call", "health", "stream", "follow", "await", "end")
        .filter(step::has)
        .findFirst()
        .map(
            kind -> kind.equals("say") ? step.get(kind).getAsString() : kind + " " + step.get(kind))
        .orElseGet(step::toString);
  }
}
