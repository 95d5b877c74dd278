package conformance;

/** A step did not come out as told; the message says what was expected, and what came. */
class Unexpected extends Exception {
  Unexpected(String why) {
    super(why);
  }

  /** Does a call that is retried get another try after this? */
  boolean passes() {
    return true;
  }
}
