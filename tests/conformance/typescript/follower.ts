/** A follower: it goes on where it was, whatever becomes of the service. */

import { EventEmitter, once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { isJsonObject, type JsonObject, type JsonValue } from "@protobuf-ts/runtime";
import { Failure } from "./failure";
import { type Service, streamRequest } from "./service";

const PAUSE_MS = 100;

/** Follows events in the background, until it is ended or fails for good. */
export class Follower {
  private readonly sequences: JsonValue[] = [];
  private readonly events: JsonObject[] = [];
  private readonly news = new EventEmitter();
  private readonly followed: Promise<void>;
  private open = new AbortController();
  private readonly ending = new AbortController();
  private failure: unknown;

  constructor(
    private readonly service: Service,
    private request: JsonObject,
  ) {
    streamRequest(request); // throws where it is none
    this.followed = this.follow();
  }

  /** Return the next event that was told; undefined: the signal came before. Throws what it failed
   * with. */
  async next(signal: AbortSignal): Promise<JsonObject | undefined> {
    while (!signal.aborted) {
      const event = this.events.shift();
      if (event) return event;
      if (this.failure) throw this.failure;
      await once(this.news, "news", { signal }).catch(() => undefined); // the signal has come
    }
    return undefined;
  }

  /** End the stream, and return the sequences of all events that it was told. */
  async end(): Promise<JsonValue[]> {
    this.ending.abort();
    this.open.abort();
    await this.followed;
    return this.sequences;
  }

  private async follow(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted && !this.failure) {
      this.open = new AbortController();
      const pauseMs = await this.readOn();
      await pause(pauseMs, undefined, { signal }).catch(() => undefined); // it is ended
    }
  }

  /** Read one stream to its end, and return how long to wait before the next. */
  private async readOn(): Promise<number> {
    try {
      for await (const message of this.service.stream(this.request, {}, this.open)) {
        this.take(message);
      }
    } catch (error) {
      if (error instanceof Failure && error.interrupts) return error.pauseMs;
      this.failure = error;
      this.news.emit("news");
    }
    return PAUSE_MS;
  }

  private take({ resumeToken, event }: JsonObject): void {
    if (resumeToken) this.request = { ...this.request, resumeToken };
    if (event === undefined || !isJsonObject(event)) return;
    this.events.push(event);
    this.sequences.push(event["sequence"] ?? "");
    this.news.emit("news");
  }
}
