// A tensor with several owners: a step's value may also be what a cache keeps.

import type { DeviceTensor } from "../device/session.js";

/** Counts owners; the tensor is freed when the last one lets go. Its maker is the first owner. */
export class SharedTensor {
  readonly tensor: DeviceTensor;
  #owners = 1;

  constructor(tensor: DeviceTensor) {
    this.tensor = tensor;
  }

  /** One owner more. */
  retain(): this {
    this.#owners++;
    return this;
  }

  /** One owner less. */
  release(): void {
    if (--this.#owners === 0) this.tensor.dispose();
  }
}
