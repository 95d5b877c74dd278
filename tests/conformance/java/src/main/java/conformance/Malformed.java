package conformance;

/** A scenario, or a step, is not what the README says. */
final class Malformed extends Unexpected {
  Malformed(String why) {
    super(why);
  }

  @Override
  boolean passes() {
    return false;
  }
}
