package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.math.BigDecimal;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** What it means that an answer is like what was expected: README.md of the conformance tests. */
final class Likeness {
  private static final Pattern NUMBER =
      Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
  private static final JsonPrimitive ANYTHING = new JsonPrimitive("*");
  private static final JsonPrimitive ZERO = new JsonPrimitive(0);
  private static final Set<JsonElement> DEFAULTS =
      Set.of(new JsonPrimitive(false), new JsonPrimitive(""), new JsonArray(), new JsonObject());

  private Likeness() {}

  /** Demands that they do not differ. */
  static void demand(JsonElement expected, JsonElement got) throws Unexpected {
    var difference = difference(expected, got);
    if (difference.isPresent()) {
      throw new Unexpected(difference.get());
    }
  }

  /** Returns where and how they differ, if they do. */
  static Optional<String> difference(JsonElement expected, JsonElement got) {
    return difference(expected, got, "it");
  }

  /** The same, where {@code got} is null if there is nothing. */
  private static Optional<String> difference(JsonElement expected, JsonElement got, String path) {
    if (isLike(expected, got)) {
      return Optional.empty();
    }
    if (expected instanceof JsonObject wanted && got instanceof JsonObject object) {
      return wanted.keySet().stream()
          .map(name -> difference(wanted.get(name), object.get(name), path + "." + name))
          .flatMap(Optional::stream)
          .findFirst();
    }
    if (expected instanceof JsonArray wanted
        && got instanceof JsonArray list
        && wanted.size() == list.size()) {
      return IntStream.range(0, wanted.size())
          .mapToObj(place -> difference(wanted.get(place), list.get(place), path + "." + place))
          .flatMap(Optional::stream)
          .findFirst();
    }
    return Optional.of("%s: expected %s, came %s".formatted(path, expected, got));
  }

  private static boolean isLike(JsonElement expected, JsonElement got) {
    if (got == null || got.isJsonNull()) {
      return expected.isJsonNull() || isDefault(expected);
    }
    return expected.equals(ANYTHING)
        || expected instanceof JsonPrimitive one
            && got instanceof JsonPrimitive other
            && isEqual(one, other);
  }

  private static boolean isDefault(JsonElement value) {
    return DEFAULTS.contains(value)
        || value instanceof JsonPrimitive one && one.isNumber() && isEqual(one, ZERO);
  }

  /** Compares two texts, two truths, or two numbers of which one may be written as text. */
  private static boolean isEqual(JsonPrimitive one, JsonPrimitive other) {
    if (one.isNumber() || other.isNumber()) {
      return number(one)
          .flatMap(first -> number(other).map(second -> first.compareTo(second) == 0))
          .orElse(false);
    }
    return one.equals(other);
  }

  private static Optional<BigDecimal> number(JsonPrimitive value) {
    return Optional.of(value.getAsString())
        .filter(written -> NUMBER.matcher(written).matches())
        .map(BigDecimal::new);
  }
}
