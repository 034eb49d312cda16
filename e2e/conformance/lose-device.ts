// Keeps the GPU devices that are made in this global, and destroys them on the message "lose", or once, at the first call
// that the address names, as in losing-worker.js?mapAsync. A software adapter passes for hardware here, as auto would
// leave it alone.
interface Destroyable {
  destroy(): void;
}
interface AdapterClass {
  readonly prototype: {
    requestDevice(descriptor?: unknown): Promise<Destroyable>;
  };
}

const devices: Destroyable[] = [];
const lose = () => {
  for (const device of devices.splice(0)) device.destroy();
};
const call = location.search.slice(1);
const { GPUAdapter: adapter, GPUAdapterInfo: info } = globalThis as {
  GPUAdapter?: AdapterClass;
  GPUAdapterInfo?: { readonly prototype: object };
};
if (info)
  Object.defineProperty(info.prototype, "isFallbackAdapter", { value: false });
if (adapter) {
  const { requestDevice } = adapter.prototype;
  adapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    if (call === "requestDevice") setTimeout(lose);
    return device;
  };
}
for (const name of ["GPUDevice", "GPUBuffer"]) {
  type Calls = Record<string, (...given: unknown[]) => unknown>;
  const made = (globalThis as Record<string, unknown>)[name];
  const { prototype } = (made ?? {}) as { prototype?: Calls };
  const own = prototype?.[call];
  if (!prototype || !own) continue;
  prototype[call] = function (...given) {
    const answer = own.apply(this, given);
    lose();
    prototype[call] = own;
    return answer;
  };
}
addEventListener("message", ({ data }) => {
  if (data === "lose") lose();
});

export {};
