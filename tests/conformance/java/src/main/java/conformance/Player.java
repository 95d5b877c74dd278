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
    var line = new JsonObject();
    line.addProperty("step", count + 1);
    try {
      Shape.demand(step);
      if (step.has("repeat")) {
        return repeat(step);
      }
      perform(memory.filled(step).getAsJsonObject());
      line.addProperty("ok", true);
    } catch (Unexpected fault) {
      line.addProperty("ok", false);
      line.addProperty("why", name(step) + ": " + fault.getMessage());
    }
    count++;
    director.tell(line);
    return line.get("ok").getAsBoolean();
  }

  private boolean repeat(JsonObject step) throws IOException, InterruptedException {
    var passed = true;
    for (long left = step.get("repeat").getAsLong(); passed && left > 0; left--) {
      passed = play(step.getAsJsonArray("steps"));
    }
    return passed;
  }

  private void perform(JsonObject step) throws IOException, InterruptedException, Unexpected {
    if (step.has("do")) {
      memory.keep(step, director.ask(step));
    } else if (step.has("call") || step.has("health")) {
      memory.keep(step, calls.call(step));
    } else if (step.has("stream")) {
      memory.keep(step, calls.stream(step));
    } else if (step.has("follow")) {
      follow(step.get("follow").getAsString(), step.getAsJsonObject("request"));
    } else if (step.has("await")) {
      await(follower(step.get("await").getAsString()), step);
    } else {
      var name = step.get("end").getAsString();
      var told = new JsonObject();
      told.addProperty("told", name);
      told.add("sequences", follower(name).end());
      followers.remove(name);
      director.tell(told);
    }
  }

  private void follow(String name, JsonObject request) throws Unexpected {
    if (followers.containsKey(name)) {
      throw new Malformed(name + " follows already");
    }
    followers.put(name, new Follower(service, request));
  }

  private Follower follower(String name) throws Unexpected {
    if (!followers.containsKey(name)) {
      throw new Malformed("nobody follows as " + name);
    }
    return followers.get(name);
  }

  private static void await(Follower follower, JsonObject step)
      throws InterruptedException, Unexpected {
    var end = Instant.now().plus(Calls.PATIENCE);
    if (step.has("until")) {
      var last = step.get("until");
      while (Likeness.difference(last, next(follower, end)).isPresent()) {
        // it is not this one yet
      }
      return;
    }
    for (var wanted : step.getAsJsonArray("events")) {
      Likeness.demand(wanted, next(follower, end));
    }
  }

  private static JsonObject next(Follower follower, Instant end)
      throws InterruptedException, Unexpected {
    var left = Duration.between(Instant.now(), end);
    if (left.isNegative()) {
      throw new Unexpected("no such event came in time");
    }
    return follower.next(left);
  }

  private static String name(JsonObject step) {
    return Stream.of("say", "do", "call", "health", "stream", "follow", "await", "end")
        .filter(step::has)
        .findFirst()
        .map(kind -> kind + " " + step.get(kind))
        .orElseGet(step::toString);
  }
}
