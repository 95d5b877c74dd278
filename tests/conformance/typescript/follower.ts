/** A follower: it goes on where it was, whatever becomes of the service. */

import { EventEmitter, once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { isJsonObject, type JsonObject, type JsonValue } from "@protobuf-ts/runtime";
import { Failure } from "./failure";
import type { Service } from "./service";

const PAUSE_MS = 100;
const PATIENCE_MS = 60_000;

/** Follows events in the background, until it is ended or fails for good. */
export class Follower {
  private readonly sequences: JsonValue[] = [];
  private readonly events: JsonObject[] = [];
  private readonly news = new EventEmitter();
  private readonly followed: Promise<void>;
  private open = new AbortController();
  private ended = false;
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

  /** End the stream, and return the sequences of all events that it was told. */
  async end(): Promise<JsonValue[]> {
    this.ended = true;
    this.open.abort();
    await this.followed;
    return this.sequences;
  }

  private async follow(): Promise<void> {
    while (!this.ended && !this.failure) {
      this.open = new AbortController();
      try {
        for await (const message of this.service.stream(this.request, {}, this.open)) {
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
    if (event === undefined || !isJsonObject(event)) return;
    this.events.push(event);
    this.sequences.push(event["sequence"] ?? "");
    this.news.emit("news");
  }
}

function passes(error: unknown): boolean {
  return error instanceof Failure && (error.code === "UNAVAILABLE" || error.reason === "");
}
