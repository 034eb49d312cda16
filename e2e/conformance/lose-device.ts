// Keeps the GPU devices that are made in this global, and destroys them on the message "lose".
interface Destroyable {
  destroy(): void;
}
interface AdapterClass {
  readonly prototype: {
    requestDevice(descriptor?: unknown): Promise<Destroyable>;
  };
}

const devices: Destroyable[] = [];
const { GPUAdapter: adapter } = globalThis as { GPUAdapter?: AdapterClass };
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
