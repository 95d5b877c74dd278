package conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The runner in Java: {@code Runner ADDRESS SCENARIO}. */
final class Runner {
  private static final Gson STRICT =
      new GsonBuilder().setStrictness(Strictness.STRICT).create();

  private Runner() {}

  /** Plays the scenario; exit status 0: all came out as told. */
  public static void main(String[] args) throws Exception {
    var director = new Director();
    boolean passed;
    try (var service = new Service(args[0])) {
      passed = new Player(service, director).play(steps(args[1]));
    } catch (Malformed fault) {
      var line = new JsonObject();
      line.addProperty("step", 0);
      line.addProperty("ok", false);
      line.addProperty("why", fault.getMessage());
      director.tell(line);
      passed = false;
    }
    System.exit(passed ? 0 : 1);
  }

  private static JsonArray steps(String path) throws Malformed {
    try {
      return Shape.steps(STRICT.fromJson(Files.readString(Path.of(path)), JsonElement.class));
    } catch (IOException | JsonParseException unreadable) {
      throw new Malformed("the scenario cannot be read: " + unreadable);
    }
  }
}
