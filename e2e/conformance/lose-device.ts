// Keeps the GPU devices that are made in this global, and destroys them on the message "lose". A software adapter passes
// for hardware here, as auto would leave it alone.
interface Destroyable {
  destroy(): void;
}
interface AdapterClass {
  readonly prototype: {
    requestDevice(descriptor?: unknown): Promise<Destroyable>;
  };
}

const devices: Destroyable[] = [];
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
    return device;
  };
}
addEventListener("message", ({ data }) => {
  if (data !== "lose") return;
  for (const device of devices.splice(0)) device.destroy();
});

export {};
