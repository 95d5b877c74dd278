/** `runner.ts ADDRESS SCENARIO`: plays the steps of a scenario, one after another. */

import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "@protobuf-ts/runtime";
import type { RpcOptions } from "@protobuf-ts/runtime-rpc";
import { Director } from "./director";
import { Failure } from "./failure";
import { Follower } from "./follower";
import { Kept } from "./kept";
import { unlike } from "./likeness";
import { Malformed } from "./malformed";
import { unmarked } from "./number";
import { Service } from "./service";
import { type Step, stepOf, stepsOf } from "./step";

const PATIENCE_MS = 60_000;
const RETRY_PAUSE_MS = 100;
const DEADLINE_SECONDS = 10;

/** A step did not come out as told. */
class Unexpected extends Error {}

/** One scenario's course: what was kept, and who follows. */
class Player {
  private readonly kept = new Kept();
  private readonly followers = new Map<string, Follower>();
  private count = 0;

  constructor(
    private readonly service: Service,
    private readonly director: Director,
  ) {}

  /** Play the steps until one does not come out as told; return whether all did. */
  async play(steps: JsonObject[]): Promise<boolean> {
    for (const told of steps) if (!(await this.playOne(told))) return false;
    return true;
  }

  /** End all that still follow. */
  async close(): Promise<void> {
    for (const follower of this.followers.values()) await follower.end();
  }

  private async playOne(told: JsonObject): Promise<boolean> {
    this.count += 1;
    try {
      const step = stepOf(told);
      if (step.repeat !== undefined) {
        this.count -= 1; // it is itself no step
        return await this.playRounds(step.repeat, step.steps ?? []);
      }
      await this.step(stepOf(this.kept.filled(told) as JsonObject));
    } catch (error) {
      const why = `${told["say"] ?? JSON.stringify(unmarked(told))}: ${(error as Error).message}`;
      this.director.tell({ step: this.count, ok: false, why });
      return false;
    }
    this.director.tell({ step: this.count, ok: true });
    return true;
  }

  private async playRounds(rounds: number, steps: JsonObject[]): Promise<boolean> {
    for (let round = 0; round < rounds; round++) if (!(await this.play(steps))) return false;
    return true;
  }

  private async step(step: Step): Promise<void> {
    if (step.do !== undefined) {
      this.kept.keep(step, await this.director.ask({ do: step.do, with: step.with ?? {} }));
    } else if (step.call !== undefined || step.health !== undefined) {
      await this.call(step);
    } else if (step.stream !== undefined) {
      await this.stream(step, step.stream);
    } else if (step.follow !== undefined) {
      if (this.followers.has(step.follow)) throw new Malformed(`${step.follow} follows already`);
      this.followers.set(step.follow, new Follower(this.service, step.request ?? {}));
    } else if (step.await !== undefined) {
      await this.await(step, this.follower(step.await));
    } else if (step.end !== undefined) {
      const sequences = await this.follower(step.end).end();
      this.followers.delete(step.end);
      this.director.tell({ told: step.end, sequences });
    }
  }

  private async call(step: Step): Promise<void> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.attempt(step);
      } catch (error) {
        if (!step.retry || !passes(error) || performance.now() > giveUpAt) throw error;
      }
      await pause(RETRY_PAUSE_MS);
    }
  }

  private async attempt(step: Step): Promise<void> {
    let answer: JsonObject;
    try {
      answer = await this.answer(step);
    } catch (error) {
      if (!(error instanceof Failure && step.error)) throw error;
      const difference = error.unlike(step.error);
      if (difference !== undefined && !error.passes) throw new Error(difference);
      return demand(difference);
    }
    if (step.error) throw new Unexpected(`it was answered ${JSON.stringify(answer)}, not refused`);
    const { status, answer: wanted = {} } = step;
    demand(unlike(status === undefined ? wanted : { status }, answer));
    this.kept.keep(step, answer);
  }

  private answer(step: Step): Promise<JsonObject> {
    const options: RpcOptions = { timeout: (step.deadline_seconds ?? DEADLINE_SECONDS) * 1000 };
    if (step.cancel_after_seconds !== undefined) {
      options.abort = AbortSignal.timeout(step.cancel_after_seconds * 1000);
    }
    if (step.health !== undefined) return this.service.health(step.health, options);
    return this.service.call(step.call ?? "", step.request ?? {}, options);
  }

  private async stream(step: Step, request: JsonObject): Promise<void> {
    const wanted = [...(step.events ?? [])];
    try {
      for await (const message of this.service.stream(request, { timeout: PATIENCE_MS })) {
        if (step.error) throw new Unexpected(`it was told ${JSON.stringify(message)}, not refused`);
        const event = wanted.length > 0 && message["event"];
        if (event) demand(unlike(wanted.shift()!, event));
        if (wanted.length === 0) return this.kept.keep(step, message);
      }
    } catch (error) {
      if (!(error instanceof Failure && step.error)) throw error;
      return demand(error.unlike(step.error));
    }
    throw new Error("the stream ended by itself");
  }

  private async await(step: Step, follower: Follower): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (const [place, wanted] of (step.events ?? []).entries()) {
      demand(unlike(wanted, await next(follower, signal), `events.${place}`));
    }
    if (step.until) while (unlike(step.until, await next(follower, signal)) !== undefined);
  }

  private follower(name: string): Follower {
    const follower = this.followers.get(name);
    if (!follower) throw new Malformed(`nobody follows as ${name}`);
    return follower;
  }
}

/** May the call do better when it is repeated? */
function passes(error: unknown): boolean {
  return error instanceof Failure ? error.passes : error instanceof Unexpected;
}

async function next(follower: Follower, signal: AbortSignal): Promise<JsonObject> {
  const event = await follower.next(signal);
  if (!event) throw new Unexpected("no such event came in time");
  return event;
}

function demand(difference: string | undefined): void {
  if (difference !== undefined) throw new Unexpected(difference);
}

const [, , address = "", scenario = ""] = process.argv;
const service = new Service(address);
const director = new Director();
const player = new Player(service, director);
try {
  const steps = stepsOf(await readFile(scenario, "utf8"));
  process.exitCode = (await player.play(steps)) ? 0 : 1;
} catch (error) {
  director.tell({ step: 0, ok: false, why: (error as Error).message });
  process.exitCode = 1;
} finally {
  await player.close();
  director.close();
  service.close();
}
