/** The calls of a scenario, on one channel, by the generated stubs and nothing else. */

import { credentials } from "@grpc/grpc-js";
import { GrpcTransport } from "@protobuf-ts/grpc-transport";
import type { IMessageType, JsonObject, JsonValue } from "@protobuf-ts/runtime";
import type { RpcOptions, ServiceType } from "@protobuf-ts/runtime-rpc";
import { DtmsService, StreamMonitorEventsRequest } from "./gen/dtms/v1/service";
import { StreamMonitorEventsResponse } from "./gen/dtms/v1/service";
import { DtmsServiceClient } from "./gen/dtms/v1/service.client";
import { Health } from "./gen/health/v1/health";
import { failureOf } from "./failure";
import { Malformed } from "./malformed";

const OPTIONS = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  "grpc.enable_retries": 0,
};

/** One channel to DTMS; requests and answers are protobuf's JSON. Every method throws a Failure
 * where the call fails. */
export class Service {
  private readonly transport: GrpcTransport;
  private readonly dtms: DtmsServiceClient;

  constructor(host: string) {
    const channelCredentials = credentials.createInsecure();
    this.transport = new GrpcTransport({ host, channelCredentials, clientOptions: OPTIONS });
    this.dtms = new DtmsServiceClient(this.transport);
  }

  /** Make a unary call of DTMS. */
  call(rpc: string, request: JsonValue, options: RpcOptions): Promise<JsonObject> {
    return this.unary(DtmsService, rpc, request, options);
  }

  /** Ask for the health of a name. */
  health(service: string, options: RpcOptions): Promise<JsonObject> {
    return this.unary(Health, "Check", { service }, options);
  }

  /** Open StreamMonitorEvents; it ends where no more is asked for, or with the signal of `open`. */
  async *stream(
    request: JsonValue,
    options: RpcOptions = {},
    open = new AbortController(),
  ): AsyncGenerator<JsonObject> {
    const asked = streamRequest(request);
    const { responses } = this.dtms.streamMonitorEvents(asked, { ...options, abort: open.signal });
    try {
      for await (const message of responses) {
        yield StreamMonitorEventsResponse.toJson(message) as JsonObject;
      }
    } catch (error) {
      throw failureOf(error);
    } finally {
      open.abort();
    }
  }

  /** End the channel. */
  close(): void {
    this.transport.close();
  }

  private async unary(
    service: ServiceType,
    rpc: string,
    request: JsonValue,
    options: RpcOptions,
  ): Promise<JsonObject> {
    const method = service.methods.find(({ name }) => name === rpc);
    if (!method || method.serverStreaming) throw new Malformed(`there is no call ${rpc}`);
    const asked = read(method.I, request);
    const merged = this.transport.mergeOptions(options);
    try {
      const { response } = await this.transport.unary(method, asked, merged);
      return method.O.toJson(response) as JsonObject;
    } catch (error) {
      throw failureOf(error);
    }
  }
}

/** Read a request for a stream. Throws Malformed where it is none. */
export function streamRequest(request: JsonValue): StreamMonitorEventsRequest {
  return read(StreamMonitorEventsRequest, request);
}

function read<T extends object>(type: IMessageType<T>, request: JsonValue): T {
  try {
    return type.fromJson(request);
  } catch (error) {
    throw new Malformed(`this is no ${type.typeName}: ${(error as Error).message}`);
  }
}
