// ONNX messages from and to bytes. pbf reads and writes the wire; what it is lenient about is strict here:
// 64-bit integers stay exact, no field reaches beyond its message, none is passed over unread, and messages
// stand within one another no deeper than protobuf's own readers allow.

import { PbfReader, PbfWriter } from "pbf";

/** A field's number, and where its value lies. */
export interface FieldHeader {
  readonly number: number;
  /** Whether the value starts with its length: a message, bytes, a string or a packed list. */
  readonly hasLength: boolean;
  /** First byte after the tag, and after the length where there is one. */
  readonly start: number;
  /** First byte after the value; the bytes need not reach so far. */
  readonly end: number;
}

/** Messages within messages, the limit of protobuf's own readers: 33 bodies of an `If` within one another. */
const deepest = 100;

/** Reads messages; the compiled schema's functions call it. */
export class StrictReader extends PbfReader {
  #field: FieldHeader = { number: 0, hasLength: false, start: 0, end: 0 };
  /** End of the message that holds the field; undefined right behind a message, until the next field. */
  #messageEnd: number | undefined;
  /** First byte after the field's tag. */
  #value = -1;
  /** Ends of the messages around the position; those that end here may stay in it until their parent goes on. */
  readonly #ends: number[] = [];

  /**
   * The next field's header; the position is behind its tag then.
   * @throws {Error} If there is none
   */
  header(): FieldHeader {
    const tag = this.readVarint();
    const number = Math.floor(tag / 8);
    if (number === 0) throw new Error("a field without a number");
    this.type = tag % 8;
    this.#value = this.pos;
    if (this.type === 0) this.readVarint();
    const length = this.type === 2 ? this.readVarint() : 0;
    const start = this.type === 2 ? this.pos : this.#value;
    if (this.type === 1) this.pos += 8;
    else if (this.type === 5) this.pos += 4;
    else if (this.type !== 0 && this.type !== 2) {
      throw new Error(
        `field ${number} is of the unknown wire type ${this.type}`,
      );
    }
    const end = this.pos + length;
    this.pos = this.#value;
    return (this.#field = { number, hasLength: this.type === 2, start, end });
  }

  /**
   * The next field's number, or 0 at the message's end.
   * @throws {Error} If the field before it was not read as what it is, this one ends beyond the message, or
   * messages lie too deep in one another
   */
  override nextField(end = this.length): number {
    const field = this.#field;
    if (this.pos === this.#value)
      throw new Error(`unknown field ${field.number}`);
    const isInside =
      field.hasLength && this.pos === field.start && end === field.end;
    const isBehind =
      this.pos === field.end && end === (this.#messageEnd ?? end);
    if (!isInside && !isBehind)
      throw new Error(`field ${field.number} is malformed`);
    while (this.#ends.length > 0 && this.#ends.at(-1)! < end) this.#ends.pop();
    if (isInside && this.pos < end && this.#ends.push(end) > deepest)
      throw new Error(`messages lie more than ${deepest} deep in one another`);
    if (this.pos === end) {
      this.#field = { ...field, end };
      this.#messageEnd = undefined;
      return 0;
    }
    const next = this.header();
    if (next.end > end)
      throw new Error(`field ${next.number} ends beyond its message`);
    this.#messageEnd = end;
    return next.number;
  }

  /**
   * An integer of up to 64 bits: a number where that is exact, else a bigint, as the types of the compiled
   * schema say.
   * @throws {Error} If it is cut or longer than 64 bits
   */
  override readVarint(isSigned = false): number {
    let low = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.#byte();
      low += (byte & 127) * scale;
      if (byte < 128) return low;
    }
    let bits = BigInt(low);
    for (let shift = 49n; shift < 64n; shift += 7n) {
      const byte = this.#byte();
      bits |= BigInt(byte & 127) << shift;
      if (byte >= 128) continue;
      const exact = isSigned
        ? BigInt.asIntN(64, bits)
        : BigInt.asUintN(64, bits);
      const value: number | bigint = Number.isSafeInteger(Number(exact))
        ? Number(exact)
        : exact;
      return value as number;
    }
    throw new Error("an integer of more than 64 bits");
  }

  #byte(): number {
    const byte = this.buf[this.pos++];
    if (byte === undefined) throw new Error("it ends within an integer");
    return byte;
  }
}

/** Writes messages; the compiled schema's functions call it. */
class ExactWriter extends PbfWriter {
  override writePackedVarint(tag: number, values: (number | bigint)[]): void {
    const writeAll = () => values.forEach((value) => this.writeVarint(value));
    if (values.length > 0) this.writeMessage(tag, writeAll, undefined);
  }

  override writeVarint(value: number | bigint): void {
    if (Number.isSafeInteger(value)) return super.writeVarint(value as number);
    let bits = BigInt.asUintN(64, BigInt(value));
    this.realloc(10);
    for (; bits > 127n; bits >>= 7n)
      this.buf[this.pos++] = Number(bits & 127n) | 128;
    this.buf[this.pos++] = Number(bits);
  }
}

/** A compiled schema's function that reads a message of type `T`. */
export type Read<T> = (pbf: PbfReader, end?: number) => T;

/**
 * Reads a message; its byte fields are views of `bytes`.
 * @throws {Error} If the bytes are no whole message, or hold fields that the schema does not know
 */
export function decode<T>(read: Read<T>, bytes: Uint8Array): T {
  return read(new StrictReader(bytes));
}

/** Writes a message. */
export function encode<T>(
  write: (message: T, pbf: PbfWriter) => void,
  message: T,
): Uint8Array<ArrayBuffer> {
  const writer = new ExactWriter();
  write(message, writer);
  return writer.finish().slice();
}

/** A message with the given fields, and defaults for the others. */
export function create<T extends object>(read: Read<T>, fields: Partial<T>): T {
  return Object.assign(decode(read, new Uint8Array(0)), fields);
}

/** A copy of a message with all messages and lists inside it; bytes are shared. */
export function clone<T>(message: T): T {
  if (Array.isArray(message)) return message.map(clone) as T;
  if (
    typeof message !== "object" ||
    message === null ||
    ArrayBuffer.isView(message)
  )
    return message;
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, clone(value)]),
  ) as T;
}
