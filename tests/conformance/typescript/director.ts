/** The director, who owns the terminal and the service: it is spoken with by lines of JSON. */

import { createInterface, type Interface } from "node:readline";
import type { JsonObject } from "@protobuf-ts/runtime";

/** Reads standard input and writes standard output. */
export class Director {
  private readonly input: Interface = createInterface({ input: process.stdin });
  private readonly lines = this.input[Symbol.asyncIterator]();

  /** Write a line. */
  tell(line: JsonObject): void {
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }

  /** Let the director do something, and return its answer. Throws where it could not. */
  async ask(deed: JsonObject): Promise<JsonObject> {
    this.tell(deed);
    const line = await this.lines.next();
    const answer: JsonObject = line.done ? { error: "it has gone" } : JSON.parse(line.value);
    if (answer["error"] !== undefined) throw new Error(`the director: ${answer["error"]}`);
    return answer;
  }

  /** Read no more. */
  close(): void {
    this.input.close();
  }
}
