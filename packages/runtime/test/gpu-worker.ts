// A worker whose GPU does what tests ask for: it is lost on a message, or takes only small tensors.
import { serve } from "../src/worker.js";

const { gpu } = navigator;
const requestAdapter = gpu.requestAdapter.bind(gpu);
gpu.requestAdapter = async (options) => {
  const adapter = await requestAdapter(options);
  if (!adapter) return null;
  const requestDevice = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    const device = await requestDevice(descriptor);
    if (self.name === "small") {
      const limits = { maxBufferSize: 4096, maxStorageBufferBindingSize: 4096 };
      Object.defineProperty(device, "limits", { value: limits });
    }
    new BroadcastChannel("gpu").onmessage = () => device.destroy();
    return device;
  };
  return adapter;
};

serve();
