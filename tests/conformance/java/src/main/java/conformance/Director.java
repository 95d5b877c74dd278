package conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Who owns the terminal and the service; spoken with by lines of JSON. */
final class Director {
  private final PrintStream lines = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private final BufferedReader answers =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  /** Tells a line. */
  void tell(JsonObject line) {
    lines.println(line);
  }

  /** Asks for the deed of a step, and returns the answer. */
  JsonObject ask(JsonObject step) throws IOException, Unexpected {
    var deed = new JsonObject();
    deed.add("do", step.get("do"));
    deed.add("with", step.has("with") ? step.get("with") : new JsonObject());
    tell(deed);
    var line = answers.readLine();
    if (line == null) {
      throw new Unexpected("the director has gone");
    }
    var answer = JsonParser.parseString(line).getAsJsonObject();
    if (answer.has("error")) {
      throw new Unexpected("the director: " + answer.get("error").getAsString());
    }
    return answer;
  }
}
