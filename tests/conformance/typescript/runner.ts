/** `runner.ts ADDRESS SCENARIO`: plays the steps of a scenario, one after another. */

import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@protobuf-ts/runtime";
import { Director } from "./director";
import { Failure } from "./failure";
import { Follower } from "./follower";
import { type Json, unlike } from "./likeness";
import { Service } from "./service";

const PATIENCE_MS = 60_000;
const RETRY_PAUSE_MS = 100;
const DEADLINE_SECONDS = 10;
const PASSING = ["UNAVAILABLE", "DEADLINE_EXCEEDED"];

/** A step of a scenario, as the README of the runners describes it. */
interface Step {
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

/** How a call came out otherwise than told, and whether another one may do better. */
interface Miss {
  difference: string;
  passing: boolean;
}

/** One scenario's course: what was kept, and who follows. */
class Player {
  private readonly kept = new Map<string, string>();
  private readonly followers = new Map<string, Follower>();
  private count = 0;

  constructor(
    private readonly service: Service,
    private readonly director: Director,
  ) {}

  /** Play the steps until one does not come out as told; return whether all did. */
  async play(steps: Step[]): Promise<boolean> {
    for (const step of steps) {
      if (step.repeat !== undefined) {
        for (let round = 0; round < step.repeat; round++) {
          if (!(await this.play(step.steps ?? []))) return false;
        }
      } else if (!(await this.told(step))) return false;
    }
    return true;
  }

  /** End all that still follow. */
  async close(): Promise<void> {
    for (const follower of this.followers.values()) await follower.end();
  }

  private async told(step: Step): Promise<boolean> {
    this.count += 1;
    try {
      await this.step(this.filled(step));
    } catch (error) {
      const why = `${step.say ?? JSON.stringify(step)}: ${error}`;
      this.director.tell({ step: this.count, ok: false, why });
      return false;
    }
    this.director.tell({ step: this.count, ok: true });
    return true;
  }

  private async step(step: Step): Promise<void> {
    if (step.do !== undefined) {
      this.keep(step, await this.director.ask({ do: step.do, with: step.with ?? {} }));
    } else if (step.call !== undefined || step.health !== undefined) {
      await this.call(step);
    } else if (step.stream !== undefined) {
      await this.stream(step, step.stream);
    } else if (step.follow !== undefined) {
      this.followers.set(step.follow, new Follower(this.service, step.request ?? {}));
    } else if (step.await !== undefined) {
      await this.await(step, this.follower(step.await));
    } else if (step.end !== undefined) {
      const follower = this.follower(step.end);
      await follower.end();
      this.followers.delete(step.end);
      this.director.tell({ told: step.end, sequences: follower.sequences });
    } else throw new Error("there is no such step");
  }

  private async call(step: Step): Promise<void> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (;;) {
      const miss = await this.attempt(step);
      if (!miss) return;
      if (!step.retry || !miss.passing || performance.now() > giveUpAt) {
        throw new Error(miss.difference);
      }
      await pause(RETRY_PAUSE_MS);
    }
  }

  private async attempt(step: Step): Promise<Miss | undefined> {
    let answer: JsonObject;
    try {
      answer = await this.answer(step);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (!step.error) return { difference: error.message, passing: PASSING.includes(error.code) };
      return miss(error.unlike(step.error));
    }
    if (step.error) return miss(`it was answered ${JSON.stringify(answer)}, not refused`);
    const difference = unlike(step.answer ?? { status: step.status ?? "" }, answer);
    if (difference === undefined) this.keep(step, answer);
    return miss(difference);
  }

  private answer(step: Step): Promise<JsonObject> {
    const timeout = (step.deadline_seconds ?? DEADLINE_SECONDS) * 1000;
    const cancelAfter = step.cancel_after_seconds;
    const abort =
      cancelAfter === undefined ? {} : { abort: AbortSignal.timeout(cancelAfter * 1000) };
    const options = { timeout, ...abort };
    if (step.health !== undefined) return this.service.health(step.health, options);
    return this.service.call(step.call ?? "", step.request ?? {}, options);
  }

  private async stream(step: Step, request: JsonObject): Promise<void> {
    const wanted = [...(step.events ?? [])];
    try {
      for await (const message of this.service.stream(request, { timeout: PATIENCE_MS })) {
        if (step.error) throw new Error(`it was told ${JSON.stringify(message)}, not refused`);
        if (message["event"]) demand(unlike(wanted.shift()!, message["event"]));
        if (wanted.length === 0) return this.keep(step, message);
      }
    } catch (error) {
      if (!(error instanceof Failure && step.error)) throw error;
      return demand(error.unlike(step.error));
    }
    throw new Error("the stream ended by itself");
  }

  private async await(step: Step, follower: Follower): Promise<void> {
    for (const [place, wanted] of (step.events ?? []).entries()) {
      demand(unlike(wanted, await follower.next(), `events.${place}`));
    }
    if (step.until) while (unlike(step.until, await follower.next()) !== undefined);
  }

  private follower(name: string): Follower {
    const follower = this.followers.get(name);
    if (!follower) throw new Error(`nobody follows as ${name}`);
    return follower;
  }

  private keep(step: Step, answer: JsonObject): void {
    for (const [name, path] of Object.entries(step.keep ?? {})) {
      const value = path
        .split(".")
        .reduce<Json>((found, part) => (found as JsonObject)[part], answer);
      if (value === undefined) throw new Error(`nothing to keep at ${path}`);
      this.kept.set(name, String(value));
    }
  }

  /** Return the step with what was kept in the place of its names. */
  private filled(step: Step): Step {
    const text = (found: string) => found.replace(/\$\{(\w+)\}/g, (_, name) => this.keptAs(name));
    const fill = (_: string, value: JsonValue) => (typeof value === "string" ? text(value) : value);
    return JSON.parse(JSON.stringify(step), fill);
  }

  private keptAs(name: string): string {
    const value = this.kept.get(name);
    if (value === undefined) throw new Error(`nothing was kept as ${name}`);
    return value;
  }
}

function miss(difference: string | undefined): Miss | undefined {
  return difference === undefined ? undefined : { difference, passing: true };
}

function demand(difference: string | undefined): void {
  if (difference !== undefined) throw new Error(difference);
}

const [, , address = "", scenario = ""] = process.argv;
const service = new Service(address);
const director = new Director();
const player = new Player(service, director);
try {
  const { steps } = JSON.parse(await readFile(scenario, "utf8"));
  process.exitCode = (await player.play(steps)) ? 0 : 1;
} finally {
  await player.close();
  director.close();
  service.close();
}
