/** A scenario, or a step, is not what the README of the runners says. */
export class Malformed extends Error {}
