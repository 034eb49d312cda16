// What the page and the worker say to each other. Comlink carries it; errors are carried as data, as
// Comlink would drop their code and cause.

import type { ProxyMarked } from "comlink";
import { PhaseskipError, type PhaseskipErrorCode } from "@phaseskip/graph";
import type { FolderProgress } from "../download/load-progress.js";
import type { UnetInputs } from "../folder/input-names.js";
import type { HubRequest, Token } from "../hub/hub-options.js";
import type { BitmapStep } from "../pipeline.js";
import type { ModelTakes } from "../pipeline/model-takes.js";
import type { PlanDescription } from "../pipeline/plan-description.js";
import type { DenoiseOptions, GenerateOptions } from "../pipeline/request.js";
import type { RunResult, RunStep } from "../pipeline/run.js";
import type { DeviceKind, DeviceOptions } from "../device/session.js";

/** What a worker offers. Every method resolves; none rejects. */
export interface WorkerApi {
  /** Answers, so that the page knows the worker to be one of ours. */
  hello(): Promise<HelloMessage>;
  load(
    call: number,
    location: string,
    options: LoadMessage,
    onProgress: ((progress: FolderProgress) => void) & ProxyMarked,
    /** Asks the browser to keep the origin's storage, which workers cannot. */
    persist: (() => Promise<boolean>) & ProxyMarked,
    /** Asks the page for what a hub is asked with. */
    token?: (() => Promise<Token>) & ProxyMarked,
  ): Promise<Outcome<LoadedMessage>>;
  /** Begins a run when those before it have ended; its steps are pulled by `next`. */
  start(
    call: number,
    pipeline: number,
    options: DenoiseOptions,
    previewAs: PreviewForm,
  ): Promise<Outcome<void>>;
  next(call: number): Promise<Outcome<StepMessage>>;
  /** Describes what a request would do. */
  describe(
    call: number,
    pipeline: number,
    options: GenerateOptions,
    hasTimes: boolean,
  ): Promise<Outcome<PlanDescription>>;
  /** Cancels a load, or a run that waits or is under way. */
  stop(call: number): Promise<Outcome<void>>;
  dispose(pipeline: number): Promise<Outcome<void>>;
}

/** The protocol's version: page and worker must be of one release. */
export const protocol = 7;

/** How a worker introduces itself. */
export interface HelloMessage {
  readonly protocol: number;
  /** Name of a lock that is held while the worker lives, where there are locks. */
  readonly life: string | undefined;
}

/** What previews travel as. */
export type PreviewForm = "picture" | "bitmap";

/** How a pipeline is loaded. */
export interface LoadMessage extends DeviceOptions {
  readonly device: DeviceKind | "auto";
  readonly cache: boolean;
  /** Which of a network's files is taken; undefined: the one that the device does best with. */
  readonly dtype?: string;
  /** How the Unet calls what it takes. */
  readonly inputs?: UnetInputs;
  /** Where ControlNets lie that are given beside the model. */
  readonly controlNets?: readonly string[];
  /** How a model is found whose location is its name. */
  readonly hub?: Omit<HubRequest, "token">;
}

/** What the worker says of a loaded pipeline. */
export interface LoadedMessage {
  readonly pipeline: number;
  readonly device: DeviceKind;
  readonly takes: ModelTakes;
  readonly warnings: readonly string[];
}

/** One pull of a run. */
export type StepMessage =
  | { readonly isDone: false; readonly step: RunStep | BitmapStep }
  | { readonly isDone: true; readonly result: RunResult };

/** A result or an error as data. */
export type Outcome<T> =
  | { readonly isOk: true; readonly value: T }
  | { readonly isOk: false; readonly error: ErrorMessage };

/** An error as data. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
  readonly code?: PhaseskipErrorCode;
  readonly cause?: ErrorMessage;
  readonly stack?: string;
}

/** Runs work and hands its outcome on as data. */
export async function outcome<T>(
  work: () => Promise<T> | T,
): Promise<Outcome<T>> {
  try {
    return { isOk: true, value: await work() };
  } catch (error) {
    return { isOk: false, error: errorMessage(error) };
  }
}

function errorMessage(error: unknown): ErrorMessage {
  if (!(error instanceof Error))
    return { name: "Error", message: String(error) };
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(error instanceof PhaseskipError && { code: error.code }),
    ...(cause !== undefined && { cause: errorMessage(cause) }),
  };
}

/** The value of an outcome. @throws the error that it holds, of its own class */
export function unwrap<T>(result: Outcome<T>): T {
  if (result.isOk) return result.value;
  throw revive(result.error);
}

function revive({ name, message, code, cause, stack }: ErrorMessage): Error {
  const options = cause ? { cause: revive(cause) } : undefined;
  const error = code
    ? new PhaseskipError(code, message, options)
    : name === "TypeError"
      ? new TypeError(message, options)
      : name === "RangeError"
        ? new RangeError(message, options)
        : name === "AbortError"
          ? new DOMException(message, name)
          : new Error(message, options);
  if (stack !== undefined)
    Object.defineProperty(error, "stack", { value: stack, configurable: true });
  return error;
}
