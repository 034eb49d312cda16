// Which file of a model folder each network is: `unet/model.onnx`, or one of the other names that tools give it.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError, findInput } from "@phaseskip/graph";
import { checkDtype } from "./dtype.js";
import type { ModelFolder } from "./folder.js";
import type { DescribedUnet } from "./describe-unet.js";
import type { UnetInputs } from "./input-names.js";
import { INPUTS_FILE, parseUnetInputs } from "./input-names.js";
import type { PartName } from "./part-name.js";
import { unetInputs } from "../inputs/unet-inputs.js";
import { readGraph } from "./read-graph.js";

/** Inputs that runs fill without being told how. */
const isKnownInput = (name: string): boolean =>
  name === "sample" ||
  name === "timestep" ||
  findInput(unetInputs, name) !== undefined;

/** What the choice of a file needs to know of the device. */
export interface HalfDevice {
  /** Whether it computes in float16. */
  readonly hasHalf: boolean;
}

/** The networks of one model folder, each found once. */
export class PartFiles {
  /** Where they lie. */
  readonly folder: ModelFolder;
  /** What was asked for. */
  readonly dtype: string | undefined;
  readonly #inputs: UnetInputs | undefined;
  readonly #described = new Map<string, Promise<DescribedUnet>>();
  readonly #found = new Map<string, Promise<string | undefined>>();
  readonly #graphs = new Map<string, Promise<Graph>>();

  /**
   * @param dtype undefined leaves it to the device
   * @param inputs how the Unet calls what it takes, where the caller says it
   * @throws {TypeError} If it is no dtype, or the inputs are not as they must be
   */
  constructor(folder: ModelFolder, dtype?: string, inputs?: UnetInputs) {
    checkDtype(dtype);
    this.#inputs = inputs && parseUnetInputs(inputs, inputsError);
    this.folder = folder;
    this.dtype = dtype;
  }

  /**
   * The path of a network in its folder.
   * @returns undefined where the folder has no such network
   * @throws {PhaseskipError} `model-invalid` If the Unet is there, and none of its files is of the dtype
   */
  find(
    part: PartName,
    { hasHalf }: HalfDevice,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    return once(this.#found, `${part} ${hasHalf}`, () =>
      this.#find(part, hasHalf, signal),
    );
  }

  /**
   * The path of a network that must be there.
   * @throws {PhaseskipError} `model-invalid` If it is not
   */
  async path(
    part: PartName,
    device: HalfDevice,
    signal?: AbortSignal,
  ): Promise<string> {
    const path = await this.find(part, device, signal);
    if (path !== undefined) return path;
    const paths = (await this.folder.paths(signal)) ?? [];
    const networks = paths.filter((one) => one.endsWith(".onnx"));
    const torch = paths.find((one) => /\.(safetensors|bin|ckpt)$/.test(one));
    const has =
      networks.length > 0
        ? `: it has ${networks.join(", ")}`
        : torch !== undefined
          ? `: it has PyTorch's weights (${torch}); export it to ONNX`
          : "";
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the model at ${this.folder.location} as it has no ${part}/model.onnx, nor a file whose name says ${part}${has}`,
    );
  }

  /**
   * The graph of a network that must be there; read once.
   * @throws {PhaseskipError} `model-invalid` If it is not
   */
  async graph(
    part: PartName,
    device: HalfDevice,
    signal?: AbortSignal,
  ): Promise<Graph> {
    if (part === "unet") return (await this.unet(device, signal)).graph;
    const path = await this.path(part, device, signal);
    return once(this.#graphs, path, () => readGraph(this.folder, path, signal));
  }

  /**
   * The Unet under diffusers' names, and what is said of it beside them; read once.
   * @throws {TypeError | RangeError} If what the caller says of its inputs is wrong
   * @throws {PhaseskipError} `model-invalid` If it is not there; `model-unsupported` if nothing says what it takes
   */
  async unet(device: HalfDevice, signal?: AbortSignal): Promise<DescribedUnet> {
    const path = await this.path("unet", device, signal);
    return once(this.#described, path, () => this.#describe(path, signal));
  }

  async #describe(
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<DescribedUnet> {
    const { folder } = this;
    const graph = await readGraph(folder, path, signal);
    // where nothing lists a folder's files, those that need no file are not asked for one
    const paths = await folder.paths(signal);
    const isSaid =
      this.#inputs ?? paths?.some((one) => one.endsWith(INPUTS_FILE));
    if (!isSaid && isDiffusers(graph))
      return { graph, constants: {}, preconditioning: "outside" };
    const { describeUnet } = await import("./describe-unet.js");
    const inputs = this.#inputs;
    return describeUnet(folder, path, graph, inputs, isKnownInput, signal);
  }

  async #find(
    part: PartName,
    hasHalf: boolean,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const { folder, dtype } = this;
    const { unetPath } = folder;
    if (unetPath !== undefined) return part === "unet" ? unetPath : undefined;
    const plain = `${part}/model.onnx`;
    const paths = await folder.paths(signal);
    // a folder within one of its folders is another model's
    const networks = paths?.filter((path) =>
      /^([^/]+\/)?[^/]+\.onnx$/.test(path),
    );
    const isAlone =
      networks?.filter((path) => path.includes(part)).join() === plain;
    if (dtype === undefined && (isAlone || !networks)) {
      const optional = { optional: true };
      if (await folder.file(plain, signal, optional)) return plain;
    }
    const beside =
      part === "unet"
        ? undefined
        : await this.find("unet", { hasHalf }, signal);
    const { findPart } = await import("./find-part.js");
    const wanted = { part, dtype, hasHalf, beside };
    return findPart(folder, networks, wanted, signal);
  }
}

/** Whether a Unet takes what diffusers' Unets take, by their names. */
function isDiffusers({ inputs }: Graph): boolean {
  const names = inputs.map(({ name }) => name);
  const has = (name: string) => names.includes(name);
  return has("sample") && has("timestep") && names.every(isKnownInput);
}

function inputsError(wanted: string, found: unknown): TypeError {
  return new TypeError(
    `Cannot load the model as ${wanted}: current value is ${JSON.stringify(found)}`,
  );
}

/** Remembers what comes of work, unless it fails. */
function once<T>(
  known: Map<string, Promise<T>>,
  key: string,
  work: () => Promise<T>,
): Promise<T> {
  const made = known.get(key) ?? work();
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}
