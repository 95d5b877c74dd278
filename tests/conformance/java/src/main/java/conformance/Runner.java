package conformance;

import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;

/** The runner in Java: {@code Runner ADDRESS SCENARIO}. */
final class Runner {
  private Runner() {}

  /** Plays the scenario; exit status 0: all came out as told. */
  public static void main(String[] args) throws Exception {
    var scenario = JsonParser.parseString(Files.readString(Path.of(args[1]))).getAsJsonObject();
    boolean passed;
    try (var service = new Service(args[0])) {
      passed = new Player(service, new Director()).play(scenario.getAsJsonArray("steps"));
    }
    System.exit(passed ? 0 : 1);
  }
}
