/** What it means that an answer is like what was expected, as the README of the runners says. */

import { isJsonObject, type JsonObject, type JsonValue } from "@protobuf-ts/runtime";
import { equalNumbers, isNumber, unmarked } from "./number";

/** A value of JSON; undefined: there is nothing. */
export type Json = JsonValue | undefined;

/** Return where and how they differ; undefined: they do not. */
export function unlike(expected: JsonValue, got: Json, path = ""): string | undefined {
  const where = path || "it";
  if (expected === null) {
    return got === undefined ? undefined : `${where} is ${shown(got)}, not nothing`;
  }
  if (got === undefined) {
    return isNothing(expected) ? undefined : `${where} is missing, not ${shown(expected)}`;
  }
  if (expected === "*") return undefined;
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) {
      return `${where} is ${shown(got)}, not a list of ${expected.length}`;
    }
    return first(expected.map((value, place) => unlike(value, got[place], inner(path, place))));
  }
  if (isJsonObject(expected)) {
    if (!isJsonObject(got)) return `${where} is ${shown(got)}, not an object`;
    const names = Object.keys(expected);
    return first(names.map((name) => unlike(expected[name]!, own(got, name), inner(path, name))));
  }
  return expected === got || equalNumbers(expected, got)
    ? undefined
    : `${where} is ${shown(got)}, not ${shown(expected)}`;
}

/** Is it what counts as nothing: a default? */
function isNothing(value: JsonValue): boolean {
  if (isNumber(value)) return equalNumbers(value, 0);
  if (value === null || typeof value !== "object") return !value;
  return Object.keys(value).length === 0;
}

function own(value: JsonObject, name: string): Json {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function first(differences: (string | undefined)[]): string | undefined {
  return differences.find((difference) => difference !== undefined);
}

function inner(path: string, name: string | number): string {
  return path ? `${path}.${name}` : `${name}`;
}

function shown(value: JsonValue): string {
  return JSON.stringify(unmarked(value));
}
