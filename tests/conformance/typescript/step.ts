/** The steps of a scenario, and what may be in them. */

import { isJsonObject, type JsonObject, type JsonValue } from "@protobuf-ts/runtime";
import { Malformed } from "./malformed";
import { isNumber, readExactly, unmarked } from "./number";

/** A step, as the README of the runners describes it. */
export interface Step {
  say?: string;
  keep?: Record<string, string>;
  do?: string;
  with?: JsonObject;
  call?: string;
  request?: JsonObject;
  answer?: JsonObject;
  error?: JsonObject;
  health?: string;
  status?: string;
  deadline_seconds?: number;
  cancel_after_seconds?: number;
  retry?: boolean;
  stream?: JsonObject;
  events?: JsonObject[];
  follow?: string;
  await?: string;
  until?: JsonObject;
  end?: string;
  repeat?: number;
  steps?: JsonObject[];
}

type Fits = (value: JsonValue) => boolean;

const TRIED = ["deadline_seconds", "cancel_after_seconds", "retry"];

/** Each kind of step, and what it may have beside `say`. */
const KINDS: Record<string, string[]> = {
  do: ["with", "keep"],
  call: ["request", "answer", "error", "keep", ...TRIED],
  health: ["status", "error", "keep", ...TRIED],
  stream: ["events", "error", "keep"],
  follow: ["request"],
  await: ["events", "until"],
  end: [],
  repeat: ["steps"],
};

/** What a step of the kind has exactly one of. */
const NEEDED: Record<string, string[]> = {
  health: ["status", "error"],
  stream: ["events", "error"],
  await: ["events", "until"],
  follow: ["request"],
  repeat: ["steps"],
};

const isText: Fits = (value) => typeof value === "string" && !isNumber(value);
const isTruth: Fits = (value) => typeof value === "boolean";
const isObject: Fits = (value) => isJsonObject(value);
const isSeconds: Fits = (value) => isNumber(value) && Number(unmarked(value)) > 0;
const isCount: Fits = (value) => isNumber(value) && /^\d+$/.test(String(value).slice(1));
const areObjects: Fits = (value) => Array.isArray(value) && value.every(isObject);
const areTexts: Fits = (value) => Array.isArray(value) && value.every(isText);

const FITS: Record<string, Fits> = {
  ...all(["say", "do", "call", "health", "status", "follow", "await", "end"], isText),
  ...all(["with", "request", "answer", "error", "stream", "until"], isObject),
  ...all(["deadline_seconds", "cancel_after_seconds"], isSeconds),
  ...all(["events", "steps"], areObjects),
  keep: (value) => isJsonObject(value) && Object.values(value).every(isText),
  retry: isTruth,
  repeat: isCount,
};
const ERROR_FITS: Record<string, Fits> = {
  ...all(["code", "reason"], isText),
  metadata: isObject,
  violations: areTexts,
  retry: isTruth,
};

/** Return the steps of a scenario, their numbers marked. */
export function stepsOf(text: string): JsonObject[] {
  const scenario = readExactly(text);
  const steps = isJsonObject(scenario) ? scenario["steps"] : undefined;
  if (!steps || !areObjects(steps)) throw new Malformed("the scenario has no list of steps");
  return steps as JsonObject[];
}

/** Return a step that is one; what is compared keeps its marks. */
export function stepOf(told: JsonObject): Step {
  const kinds = Object.keys(KINDS).filter((kind) => Object.hasOwn(told, kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) throw new Malformed("there is no such step");
  fit(told, FITS, ["say", kind, ...KINDS[kind]!]);
  const needed = NEEDED[kind];
  if (needed && needed.filter((name) => Object.hasOwn(told, name)).length !== 1) {
    throw new Malformed(`${kind} needs ${needed.join(" or ")}`);
  }
  if (told["error"]) fitError(told, told["error"] as JsonObject);
  const { answer, error, events, until, steps } = told;
  const compared = { answer, error, events, until, steps };
  const given = Object.entries(compared).filter(([, value]) => value !== undefined);
  return { ...(unmarked(told) as Step), ...(Object.fromEntries(given) as Step) };
}

function fitError(told: JsonObject, error: JsonObject): void {
  fit(error, ERROR_FITS, Object.keys(ERROR_FITS));
  if (error["code"] === undefined || "answer" in told || "keep" in told) {
    throw new Malformed("an error needs a code, and excludes an answer and what it keeps");
  }
}

function fit(told: JsonObject, fits: Record<string, Fits>, names: string[]): void {
  for (const [name, value] of Object.entries(told)) {
    if (!names.includes(name) || !fits[name]!(value)) {
      throw new Malformed(`there can be no ${name} that is ${JSON.stringify(value)}`);
    }
  }
}

function all(names: string[], fits: Fits): Record<string, Fits> {
  return Object.fromEntries(names.map((name) => [name, fits]));
}
