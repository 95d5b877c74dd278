package conformance;

/** A step did not come out as told; the message says what was expected, and what came. */
class Unexpected extends Exception {
  Unexpected(String why) {
    super(why);
  }
}
