/** An error of a call, as scenarios speak of it. */

import type { IMessageType, JsonObject } from "@protobuf-ts/runtime";
import { RpcError } from "@protobuf-ts/runtime-rpc";
import { Any } from "./gen/google/protobuf/any";
import { BadRequest, ErrorInfo, RetryInfo } from "./gen/google/rpc/error_details";
import { Status } from "./gen/google/rpc/status";
import { unlike } from "./likeness";

const DOMAIN = "dtms";
/** What gRPC's libraries tell, without an ErrorInfo, of a connection that died amid a call. */
const OF_DEAD_CONNECTIONS = ["DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL", "CANCELLED"];
const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/** A call failed. */
export class Failure extends Error {
  readonly code: string;
  /** Of the ErrorInfo; empty where there is none. */
  readonly reason: string;
  /** How long a follower waits after it. */
  readonly pauseMs: number;
  private readonly domain: string;
  private readonly facts: JsonObject;

  constructor(error: RpcError) {
    const details = detailsOf(error);
    const info = unpacked(details, ErrorInfo);
    const violations = unpacked(details, BadRequest)?.fieldViolations ?? [];
    const delay = unpacked(details, RetryInfo)?.retryDelay;
    super(`${error.code} ${info?.reason ?? ""}: ${error.message}`);
    this.code = error.code;
    this.reason = info?.reason ?? "";
    this.domain = info?.domain ?? "";
    const delayMs = delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : 0;
    this.pauseMs = Math.min(delayMs > 0 ? delayMs : PAUSE_MS, LONGEST_PAUSE_MS);
    this.facts = {
      code: this.code,
      reason: this.reason,
      metadata: info?.metadata ?? {},
      violations: violations.map(({ field }) => field).sort(),
      retry: delayMs > 0,
    };
  }

  /** May a call do better when it is repeated? */
  get passes(): boolean {
    const died = OF_DEAD_CONNECTIONS.includes(this.code) && this.reason === "";
    return this.code === "UNAVAILABLE" || died;
  }

  /** Does a follower go on after it? */
  get interrupts(): boolean {
    const slow = this.code === "RESOURCE_EXHAUSTED" && this.reason === "SLOW_CONSUMER";
    return this.code === "UNAVAILABLE" || slow || this.reason === "";
  }

  /** Return how it differs from the error that was expected; undefined: it does not. */
  unlike(expected: JsonObject): string | undefined {
    const { violations } = expected;
    const sorted = Array.isArray(violations) ? { violations: violations.toSorted() } : {};
    const difference = unlike({ ...expected, ...sorted }, this.facts);
    if (difference !== undefined) return `${difference} (${this.message})`;
    if (expected["reason"] && this.domain !== DOMAIN) {
      return `domain is "${this.domain}", not "${DOMAIN}"`;
    }
    return undefined;
  }
}

/** Return an error of a call as a Failure, and any other as it is. */
export function failureOf(error: unknown): unknown {
  return error instanceof RpcError ? new Failure(error) : error;
}

function detailsOf(error: RpcError): Any[] {
  const packed = String(error.meta["grpc-status-details-bin"] ?? "");
  return Status.fromBinary(Buffer.from(packed, "base64")).details;
}

function unpacked<T extends object>(details: Any[], type: IMessageType<T>): T | undefined {
  const detail = details.find((any) => Any.contains(any, type));
  return detail && Any.unpack(detail, type);
}
