/** Numbers as JSON writes them: JavaScript's own would lose digits. */

import type { JsonValue } from "@protobuf-ts/runtime";

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;
const TOKENS = /"(?:\\.|[^"\\])*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;
const MARK = "\u0000";

/** Read JSON whose numbers become marked texts, to be compared exactly. Throws a SyntaxError. */
export function readExactly(text: string): JsonValue {
  JSON.parse(text); // marks may not mend what is no JSON
  const mark = JSON.stringify(MARK).slice(1, -1);
  const marked = (token: string) => (token[0] === '"' ? token : `"${mark}${token}"`);
  return JSON.parse(text.replace(TOKENS, marked));
}

/** Is it a number, marked or not? */
export function isNumber(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && value.startsWith(MARK));
}

/** Return a value with its numbers as JavaScript has them; whole ones that it has not, as texts. */
export function unmarked(value: JsonValue): JsonValue {
  if (typeof value === "string" && isNumber(value)) {
    const number = Number(value.slice(1));
    return Number.isInteger(number) && !Number.isSafeInteger(number) ? value.slice(1) : number;
  }
  if (Array.isArray(value)) return value.map(unmarked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, unmarked(one)]));
}

/** Are they the same number, exactly, one of them perhaps written as text? */
export function equalNumbers(one: JsonValue, other: JsonValue): boolean {
  const first = canonical(one);
  return (isNumber(one) || isNumber(other)) && first !== undefined && first === canonical(other);
}

/** Return the one spelling of the number that a value is or writes; undefined: it is none. */
function canonical(value: JsonValue): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const parts = NUMBER.exec(`${value}`.replace(MARK, ""));
  if (!parts) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = parts;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  const power = BigInt(exponent) + BigInt(digits.length - significant.length - fraction.length);
  return significant ? `${sign}${significant}e${power}` : "0";
}
