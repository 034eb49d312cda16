// The devices of a worker, each opened once, and the choice between them.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import { misfit } from "../device/device-fit.js";
import { isFallbackGpu, whyNoGpu } from "../device/gpu.js";
import type { LoadMessage } from "./protocol.js";
import type { Device, DeviceKind, DeviceOptions } from "../device/session.js";
import { openDevice } from "../device/session.js";

/** A device for a model, and what the caller should know of the choice. */
export interface ChosenDevice {
  readonly device: Device;
  readonly warnings: readonly string[];
}

/** Opens devices, shares them among models, and closes each with its last. */
export class WorkerDevices {
  readonly #opened = new Map<DeviceKind, Device>();
  /** How many models each is held for. */
  readonly #holds = new Map<Device, number>();
  readonly #wasmPaths: string | undefined;

  constructor(wasmPaths: string | undefined) {
    this.#wasmPaths = wasmPaths;
  }

  /**
   * A device for a Unet, held until it is released: under `auto` WebGPU where there is hardware that it fits, else WASM, and why.
   * @throws {PhaseskipError} `model-unsupported` If there is no such device, or it cannot hold a weight;
   * `out-of-memory` if under `auto` there is none that it fits
   */
  async choose(message: LoadMessage, unet: Graph): Promise<ChosenDevice> {
    const { device: wish, threads = 0 } = message;
    const warnings: string[] = [];
    let device: Device;
    if (wish !== "auto") device = await this.#open(wish, message);
    else {
      const gpu = await this.#openGpu(message, unet);
      if ("reason" in gpu) warnings.push(`running on wasm: ${gpu.reason}`);
      device = "reason" in gpu ? await this.#open("wasm", message) : gpu;
    }
    const reason = misfit(unet, device, wish === "auto" ? memory() : undefined);
    if (reason && (wish === "auto" || device.maxTensorBytes < Infinity)) {
      this.#closeUnheld(device);
      const code = wish === "auto" ? "out-of-memory" : "model-unsupported";
      throw new PhaseskipError(
        code,
        `Cannot load the model on ${device.kind} as ${reason}`,
      );
    }
    if (device.kind === "wasm" && threads > device.threads) {
      warnings.push(
        `running on ${device.threads} thread instead of ${threads}: this page is not cross-origin isolated`,
      );
    }
    this.#holds.set(device, (this.#holds.get(device) ?? 0) + 1);
    return { device, warnings };
  }

  /** Gives back a device that was chosen for a model. */
  release(device: Device): void {
    this.#holds.set(device, this.#holds.get(device)! - 1);
    this.#closeUnheld(device);
  }

  /** The GPU where `auto` may choose it for a Unet, else why not. */
  async #openGpu(
    message: LoadMessage,
    unet: Graph,
  ): Promise<Device | { readonly reason: string }> {
    try {
      if (await isFallbackGpu()) {
        return {
          reason:
            'the only GPU is the browser\'s software adapter, which is slower; the device "webgpu" takes it',
        };
      }
      const gpu = await this.#open("webgpu", message);
      const reason = misfit(unet, gpu, memory());
      if (reason === undefined) return gpu;
      this.#closeUnheld(gpu);
      return { reason: `the GPU is too small: ${reason}` };
    } catch (error) {
      return { reason: whyNoGpu(error) };
    }
  }

  #closeUnheld(device: Device): void {
    if (this.#holds.get(device)) return;
    this.#holds.delete(device);
    if (this.#opened.get(device.kind) === device)
      this.#opened.delete(device.kind);
    device.close();
  }

  async #open(kind: DeviceKind, options: DeviceOptions): Promise<Device> {
    const known = this.#opened.get(kind);
    if (known && !known.isLost()) return known;
    const device = await openDevice(kind, {
      ...options,
      ...(this.#wasmPaths !== undefined && { wasmPaths: this.#wasmPaths }),
    });
    this.#opened.set(kind, device);
    return device;
  }
}

/** What the browser tells of the machine's memory, in GiB. */
function memory(): number | undefined {
  return (
    globalThis.navigator as { readonly deviceMemory?: number } | undefined
  )?.deviceMemory;
}
