// The devices of a worker, each opened once, and the choice between them.

import { PhaseskipError } from "@phaseskip/graph";
import { misfit } from "../device/device-fit.js";
import { isFallbackGpu, whyNoGpu } from "../device/gpu.js";
import type { UnetReader } from "../folder/model-index.js";
import type { LoadMessage } from "./protocol.js";
import type { Device, DeviceKind, DeviceOptions } from "../device/session.js";
import { openDevice } from "../device/session.js";

/** A device for a model, and what the caller should know of the choice. */
export interface ChosenDevice {
  readonly device: Device;
  readonly warnings: readonly string[];
}

/** Runs work when nothing else touches a device. */
type Turn = <T>(work: () => Promise<T>) => Promise<T>;

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
   * A device for a Unet, whose file may depend on it; held until it is released: under `auto` WebGPU where there is
   * hardware that it fits, else WASM, and why.
   * @param turn runs what touches a device; the Unet's file is on its way between turns
   * @throws {PhaseskipError} `model-unsupported` If there is no such device, or it cannot hold a weight;
   * `out-of-memory` if under `auto` there is none that it fits
   */
  async choose(
    message: LoadMessage,
    unet: UnetReader,
    turn: Turn,
  ): Promise<ChosenDevice> {
    const { device: wish, threads = 0 } = message;
    const isAuto = wish === "auto";
    const warnings: string[] = [];
    if (isAuto) {
      const gpu = await this.#fittingGpu(message, unet, turn);
      if ("device" in gpu) return gpu;
      warnings.push(`running on wasm: ${gpu.reason}`);
    }
    const device = await turn(() =>
      this.#hold(isAuto ? "wasm" : wish, message),
    );
    const reason = await this.#misfit(device, unet, turn, isAuto);
    if (reason && (isAuto || device.maxTensorBytes < Infinity)) {
      await turn(async () => this.release(device));
      throw new PhaseskipError(
        isAuto ? "out-of-memory" : "model-unsupported",
        `Cannot load the model on ${device.kind} as ${reason}`,
      );
    }
    if (device.kind === "wasm" && threads > device.threads) {
      warnings.push(
        `running on ${device.threads} thread instead of ${threads}: this page is not cross-origin isolated`,
      );
    }
    return { device, warnings };
  }

  /** Gives back a device that was chosen for a model. */
  release(device: Device): void {
    const holds = this.#holds.get(device)! - 1;
    if (holds > 0) {
      this.#holds.set(device, holds);
      return;
    }
    this.#holds.delete(device);
    if (this.#opened.get(device.kind) === device)
      this.#opened.delete(device.kind);
    device.close();
  }

  /** The GPU where `auto` may choose it for a Unet, else why not. */
  async #fittingGpu(
    message: LoadMessage,
    unet: UnetReader,
    turn: Turn,
  ): Promise<ChosenDevice | { readonly reason: string }> {
    const gpu = await turn(() => this.#openGpu(message));
    if ("reason" in gpu) return gpu;
    const reason = await this.#misfit(gpu, unet, turn, true);
    if (reason === undefined) return { device: gpu, warnings: [] };
    await turn(async () => this.release(gpu));
    return { reason: `the GPU is too small: ${reason}` };
  }

  async #openGpu(
    message: LoadMessage,
  ): Promise<Device | { readonly reason: string }> {
    try {
      if (await isFallbackGpu()) {
        return {
          reason:
            'the only GPU is the browser\'s software adapter, which is slower; the device "webgpu" takes it',
        };
      }
      return await this.#hold("webgpu", message);
    } catch (error) {
      return { reason: whyNoGpu(error) };
    }
  }

  /** Why a Unet does not fit a device, which is given back where the Unet cannot be read. */
  async #misfit(
    device: Device,
    unet: UnetReader,
    turn: Turn,
    isAuto: boolean,
  ): Promise<string | undefined> {
    try {
      return misfit(await unet(device), device, isAuto ? memory() : undefined);
    } catch (error) {
      await turn(async () => this.release(device));
      throw error;
    }
  }

  /** A device of a kind, held once more. */
  async #hold(kind: DeviceKind, options: DeviceOptions): Promise<Device> {
    const device = await this.#open(kind, options);
    this.#holds.set(device, (this.#holds.get(device) ?? 0) + 1);
    return device;
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
