// Options as data that a message can carry, also where they come out of a framework's reactive state: its proxies
// cannot be posted, what they stand for can.

/**
 * A copy of a call's options: objects and lists anew, all else as it is.
 * @throws {TypeError} If something in it is no data, by the option's name
 */
export function plainOptions<T extends object>(options: T): T {
  const copies = new Map<object, unknown>();
  const plain = (value: unknown, at: string): unknown => {
    if (typeof value === "function" || typeof value === "symbol")
      throw noData(at, `a ${typeof value}`);
    if (typeof value !== "object" || value === null) return value;
    const isList = Array.isArray(value);
    // a picture of the browser's, or an array of numbers; a framework leaves it as it is
    if (!isList && tagOf(value) !== "Object") return assertData(value, at);
    const known = copies.get(value);
    if (known) return known;
    const copy: Record<string, unknown> | unknown[] = isList ? [] : {};
    copies.set(value, copy);
    for (const [key, inner] of Object.entries(value))
      (copy as Record<string, unknown>)[key] = plain(
        inner,
        isList ? `${at}[${key}]` : at ? `${at}.${key}` : key,
      );
    return copy;
  };
  return plain(options, "") as T;
}

function assertData(value: object, at: string): object {
  if (ArrayBuffer.isView(value)) {
    if (!isDetached(value)) return value;
    throw noData(at, "an array whose memory was handed to another thread");
  }
  if (tagOf(value) === "ImageData") return value;
  try {
    structuredClone(value);
    return value;
  } catch {
    throw noData(at, `a ${tagOf(value)}`);
  }
}

/** Whether a view's memory has gone elsewhere: then it cannot be wrapped again. */
function isDetached({ buffer }: ArrayBufferView): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

const tagOf = (value: object) =>
  Object.prototype.toString.call(value).slice(8, -1);

function noData(at: string, found: string): TypeError {
  return new TypeError(
    `Cannot hand the options to the worker as ${at} must be plain data: it is ${found}`,
  );
}
