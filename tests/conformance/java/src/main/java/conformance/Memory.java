package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** What steps have kept for later ones. */
final class Memory {
  private static final Pattern NAMED = Pattern.compile("\\$\\{(\\w+)}");

  private final Map<String, String> kept = new HashMap<>();

  /** Keeps of an answer what the step says. */
  void keep(JsonObject step, JsonObject answer) throws Unexpected {
    if (step.has("keep")) {
      for (var named : step.getAsJsonObject("keep").entrySet()) {
        kept.put(named.getKey(), at(answer, named.getValue().getAsString()));
      }
    }
  }

  /** Returns the same with {@code ${name}} replaced by what was kept. */
  JsonElement filled(JsonElement value) throws Unexpected {
    if (value instanceof JsonObject object) {
      var filled = new JsonObject();
      for (var part : object.entrySet()) {
        filled.add(part.getKey(), filled(part.getValue()));
      }
      return filled;
    }
    if (value instanceof JsonArray list) {
      var filled = new JsonArray();
      for (var one : list) {
        filled.add(filled(one));
      }
      return filled;
    }
    if (value instanceof JsonPrimitive text && text.isString()) {
      return new JsonPrimitive(filled(text.getAsString()));
    }
    return value;
  }

  private String filled(String text) throws Unexpected {
    var names = NAMED.matcher(text);
    var filled = new StringBuilder();
    while (names.find()) {
      var one = kept.get(names.group(1));
      if (one == null) {
        throw new Malformed("nothing was kept as " + names.group(1));
      }
      names.appendReplacement(filled, Matcher.quoteReplacement(one));
    }
    return names.appendTail(filled).toString();
  }

  private static String at(JsonElement answer, String path) throws Unexpected {
    var found = answer;
    for (var part : path.split("\\.", -1)) {
      found = part(found, part);
    }
    if (!Shape.isText(found)) {
      throw new Malformed("there is no text at %s to keep in %s".formatted(path, answer));
    }
    return found.getAsString();
  }

  private static JsonElement part(JsonElement whole, String name) {
    if (whole instanceof JsonObject object) {
      return object.get(name);
    }
    if (whole instanceof JsonArray list) {
      return IntStream.range(0, list.size())
          .filter(place -> String.valueOf(place).equals(name))
          .mapToObj(list::get)
          .findFirst()
          .orElse(null);
    }
    return null;
  }
}
