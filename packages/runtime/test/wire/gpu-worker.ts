// A worker whose GPU does what tests ask for: it is lost on a message, or takes only small tensors. It passes for
// hardware, as auto leaves a software adapter alone, unless the worker's name is "software".
import { serve } from "../../src/wire/worker.js";

const { gpu } = navigator;
const requestAdapter = gpu.requestAdapter.bind(gpu);
gpu.requestAdapter = async (options) => {
  const adapter = await requestAdapter(options);
  if (!adapter) return null;
  Object.defineProperty(adapter, "info", {
    value: { isFallbackAdapter: self.name === "software" },
  });
  const requestDevice = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    const device = await requestDevice(descriptor);
    if (self.name === "small") {
      const most = 65_536; // bytes: the tiny models' tensors, but no weight of scenes
      const limits: Record<string, number> = {};
      // eslint-disable-next-line guard-for-in -- they are its prototype's
      for (const name in device.limits)
        limits[name] = device.limits[name as keyof GPUSupportedLimits];
      limits["maxBufferSize"] = limits["maxStorageBufferBindingSize"] = most;
      Object.defineProperty(device, "limits", { value: limits });
    }
    new BroadcastChannel("gpu").onmessage = () => device.destroy();
    return device;
  };
  return adapter;
};

serve();
