/** The steps of a scenario, and what they keep for later ones. */

import type { JsonObject, JsonValue } from "@protobuf-ts/runtime";
import type { Json } from "./likeness";

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
  steps?: Step[];
}

/** What earlier steps kept, by name, as text. */
export class Kept {
  private readonly texts = new Map<string, string>();

  /** Keep what a step wants kept of its answer. */
  keep(step: Step, answer: JsonObject): void {
    for (const [name, path] of Object.entries(step.keep ?? {})) {
      const inner = (found: Json, part: string) => (found as JsonObject | undefined)?.[part];
      const value = path.split(".").reduce<Json>(inner, answer);
      if (value === undefined) throw new Error(`nothing is at ${path} to be kept`);
      this.texts.set(name, String(value));
    }
  }

  /** Return the step with what was kept in the place of its names. */
  fill(step: Step): Step {
    const fillText = (text: string) => text.replace(/\$\{(\w+)\}/g, (_, name) => this.text(name));
    return JSON.parse(JSON.stringify(step), (_, value: JsonValue) =>
      typeof value === "string" ? fillText(value) : value,
    );
  }

  private text(name: string): string {
    const text = this.texts.get(name);
    if (text === undefined) throw new Error(`nothing was kept as ${name}`);
    return text;
  }
}
