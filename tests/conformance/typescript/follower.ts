/** A follower: it goes on where it was, whatever becomes of the service. */

import { EventEmitter, once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@protobuf-ts/runtime";
import { Failure } from "./failure";
import type { Service } from "./service";

const PAUSE_MS = 100;
const PATIENCE_MS = 60_000;

/** Follows events in the background, until it is ended or fails for good. */
export class Follower {
  /** Of all events that it was told. */
  readonly sequences: JsonValue[] = [];
  private readonly events: JsonObject[] = [];
  private readonly news = new EventEmitter();
  private readonly ended = new AbortController();
  private readonly followed: Promise<void>;
  private failure: unknown;

  constructor(
    private readonly service: Service,
    private request: JsonObject,
  ) {
    this.followed = this.follow();
  }

  /** Return the next event that was told. Throws what it failed with, or after 60 s. */
  async next(): Promise<JsonObject> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const event = this.events.shift();
      if (event) return event;
      if (this.failure) throw this.failure;
      await once(this.news, "news", { signal });
    }
  }

  /** End the stream. */
  async end(): Promise<void> {
    this.ended.abort();
    await this.followed;
  }

  private async follow(): Promise<void> {
    while (!this.ended.signal.aborted && !this.failure) {
      try {
        for await (const message of this.service.stream(this.request, {
          abort: this.ended.signal,
        })) {
          this.take(message);
        }
      } catch (error) {
        if (!passes(error)) this.failure = error;
        this.news.emit("news");
      }
      await pause(PAUSE_MS);
    }
  }

  private take({ resumeToken, event }: JsonObject): void {
    if (resumeToken) this.request = { ...this.request, resumeToken };
    if (!event) return;
    this.events.push(event as JsonObject);
    this.sequences.push((event as JsonObject)["sequence"]!);
    this.news.emit("news");
  }
}

function passes(error: unknown): boolean {
  return error instanceof Failure && (error.code === "UNAVAILABLE" || error.reason === "");
}
