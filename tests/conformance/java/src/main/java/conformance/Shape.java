package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.StreamSupport;

/** What a step may consist of: README.md of the conformance tests. */
final class Shape {
  private static final List<String> TRIED =
      List.of("deadline_seconds", "cancel_after_seconds", "retry");

  /** Each kind of step, and what it may have beside {@code say}. */
  private static final Map<String, List<String>> KINDS =
      Map.of(
          "do", List.of("with", "keep"),
          "call", List.of("request", "answer", "error", "keep"),
          "health", List.of("status", "error", "keep"),
          "stream", List.of("events", "error", "keep"),
          "follow", List.of("request"),
          "await", List.of("events", "until"),
          "end", List.of(),
          "repeat", List.of("steps"));

  /** What a step of the kind has exactly one of. */
  private static final Map<String, List<String>> NEEDED =
      Map.of(
          "health", List.of("status", "error"),
          "stream", List.of("events", "error"),
          "await", List.of("events", "until"),
          "follow", List.of("request"),
          "repeat", List.of("steps"));

  private static final Map<String, Predicate<JsonElement>> FITS = new HashMap<>();

  private static final Map<String, Predicate<JsonElement>> ERROR_FITS =
      Map.of(
          "code", Shape::isText,
          "reason", Shape::isText,
          "metadata", JsonElement::isJsonObject,
          "violations", value -> areAll(value, Shape::isText),
          "retry", Shape::isTruth);

  static {
    for (var name : List.of("say", "do", "call", "health", "status", "follow", "await", "end")) {
      FITS.put(name, Shape::isText);
    }
    for (var name : List.of("with", "request", "answer", "error", "stream", "until")) {
      FITS.put(name, JsonElement::isJsonObject);
    }
    for (var name : List.of("events", "steps")) {
      FITS.put(name, value -> areAll(value, JsonElement::isJsonObject));
    }
    for (var name : List.of("deadline_seconds", "cancel_after_seconds")) {
      FITS.put(name, value -> isNumber(value) && value.getAsBigDecimal().signum() > 0);
    }
    FITS.put("repeat", value -> isNumber(value) && value.getAsString().matches("[0-9]+"));
    FITS.put("retry", Shape::isTruth);
    FITS.put(
        "keep",
        value ->
            value instanceof JsonObject paths
                && paths.asMap().values().stream().allMatch(Shape::isText));
  }

  private Shape() {}

  /** Demands that a step is one. */
  static void demand(JsonObject step) throws Unexpected {
    var kinds = KINDS.keySet().stream().filter(step::has).toList();
    if (kinds.size() != 1) {
      throw new Malformed("there is no such step");
    }
    var kind = kinds.get(0);
    for (var part : step.entrySet()) {
      if (!isPart(kind, part.getKey()) || !FITS.get(part.getKey()).test(part.getValue())) {
        throw new Malformed("%s cannot have %s".formatted(kind, part));
      }
    }
    var needed = NEEDED.get(kind);
    if (needed != null && needed.stream().filter(step::has).count() != 1) {
      throw new Malformed("%s needs one of %s".formatted(kind, needed));
    }
    if (step.has("error")) {
      demandError(step);
    }
  }

  /** Returns the steps of a scenario. */
  static JsonArray steps(JsonElement scenario) throws Malformed {
    if (scenario instanceof JsonObject object
        && object.has("steps")
        && FITS.get("steps").test(object.get("steps"))) {
      return object.getAsJsonArray("steps");
    }
    throw new Malformed("the scenario has no list of steps");
  }

  /** Is it a text? */
  static boolean isText(JsonElement value) {
    return value instanceof JsonPrimitive one && one.isString();
  }

  private static boolean isPart(String kind, String name) {
    var called = kind.equals("call") || kind.equals("health");
    return name.equals("say")
        || name.equals(kind)
        || KINDS.get(kind).contains(name)
        || called && TRIED.contains(name);
  }

  private static void demandError(JsonObject step) throws Unexpected {
    var error = step.getAsJsonObject("error");
    for (var part : error.entrySet()) {
      var fits = ERROR_FITS.get(part.getKey());
      if (fits == null || !fits.test(part.getValue())) {
        throw new Malformed("an error cannot have " + part);
      }
    }
    if (!error.has("code") || step.has("answer") || step.has("keep")) {
      throw new Malformed("an error needs a code, and excludes an answer and what it keeps");
    }
  }

  private static boolean isTruth(JsonElement value) {
    return value instanceof JsonPrimitive one && one.isBoolean();
  }

  private static boolean isNumber(JsonElement value) {
    return value instanceof JsonPrimitive one && one.isNumber();
  }

  private static boolean areAll(JsonElement value, Predicate<JsonElement> fits) {
    return value instanceof JsonArray list
        && StreamSupport.stream(list.spliterator(), false).allMatch(fits);
  }
}
