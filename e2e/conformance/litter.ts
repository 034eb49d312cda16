// What libraries of old and careless pages leave in every global, as Prototype and MooTools did.

/**
 * Puts names into prototypes, so that `for … in` sees them, and a toJSON that JSON.stringify heeds.
 * @returns takes them away again
 */
export function litter(): () => void {
  const left: [holder: object, name: string][] = [];
  const put = (holder: object, name: string, value: unknown) => {
    left.push([holder, name]);
    Object.defineProperty(holder, name, {
      ...{ value, enumerable: true, configurable: true, writable: true },
    });
  };
  put(Object.prototype, "extend", function () {});
  put(Array.prototype, "each", function () {});
  put(Array.prototype, "last_", 1);
  put(String.prototype, "toJSON", function (this: string) {
    return `"${this}"`;
  });
  put(Array.prototype, "toJSON", function (this: unknown[]) {
    return `[${this.join()}]`;
  });
  return () => {
    for (const [holder, name] of left) Reflect.deleteProperty(holder, name);
  };
}
