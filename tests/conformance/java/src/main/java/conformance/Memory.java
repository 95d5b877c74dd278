package conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
  JsonElement filled(JsonElement value) {
    if (value instanceof JsonObject object) {
      var filled = new JsonObject();
      object.asMap().forEach((name, one) -> filled.add(name, filled(one)));
      return filled;
    }
    if (value instanceof JsonArray list) {
      var filled = new JsonArray();
      list.forEach(one -> filled.add(filled(one)));
      return filled;
    }
    if (value instanceof JsonPrimitive text && text.isString()) {
      return new JsonPrimitive(
          NAMED
              .matcher(text.getAsString())
              .replaceAll(found -> Matcher.quoteReplacement(kept.get(found.group(1)))));
    }
    return value;
  }

  private static String at(JsonElement answer, String path) throws Unexpected {
    var found = answer;
    for (var part : path.split("\\.")) {
      found =
          found instanceof JsonArray list
              ? list.get(Integer.parseInt(part))
              : found.getAsJsonObject().get(part);
      if (found == null) {
        throw new Unexpected("there is no %s to keep in %s".formatted(path, answer));
      }
    }
    return found.getAsString();
  }
}
