/** What steps have kept for later ones. */

import { isJsonObject, type JsonObject, type JsonValue } from "@protobuf-ts/runtime";
import type { Json } from "./likeness";
import { Malformed } from "./malformed";
import { isNumber } from "./number";
import type { Step } from "./step";

/** Texts, by name. */
export class Kept {
  private readonly texts = new Map<string, string>();

  /** Keep what a step wants kept of its answer. */
  keep(step: Step, answer: JsonObject): void {
    for (const [name, path] of Object.entries(step.keep ?? {})) {
      const value = path.split(".").reduce<Json>(inner, answer);
      if (typeof value !== "string" || isNumber(value)) {
        throw new Malformed(`there is no text at ${path} to keep in ${JSON.stringify(answer)}`);
      }
      this.texts.set(name, value);
    }
  }

  /** Return a value with what was kept in the place of its names. */
  filled(value: JsonValue): JsonValue {
    if (typeof value === "string") {
      return value.replace(/\$\{(\w+)\}/g, (_, name) => this.text(name));
    }
    if (Array.isArray(value)) return value.map((one) => this.filled(one));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.filled(one)]));
  }

  private text(name: string): string {
    const text = this.texts.get(name);
    if (text === undefined) throw new Malformed(`nothing was kept as ${name}`);
    return text;
  }
}

function inner(found: Json, part: string): Json {
  const has = typeof found === "object" && found !== null && Object.hasOwn(found, part);
  return has ? (found as JsonObject)[part] : undefined;
}
