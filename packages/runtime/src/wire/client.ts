// The page's end of the wire to one worker. Every question settles, also when the worker is lost.

import { proxy, wrap, type Remote } from "comlink";
import { watchLife, watchWorker, type WorkerLike } from "#endpoint";
import { PhaseskipError } from "@phaseskip/graph";
import { abortable } from "./abortable.js";
import { askToPersist } from "../store/ask-to-persist.js";
import type { FolderProgress } from "../download/load-progress.js";
import type { HubOptions } from "../hub/hub-options.js";
import { greet } from "./greeting.js";
import { plainOptions } from "./plain-options.js";
import { Loss } from "../device/loss.js";
import type { BitmapStep } from "../pipeline.js";
import type { PlanDescription } from "../pipeline/plan-description.js";
import type { DenoiseOptions, GenerateOptions } from "../pipeline/request.js";
import type { RunResult, RunStep } from "../pipeline/run.js";
import type {
  LoadMessage,
  LoadedMessage,
  Outcome,
  PreviewForm,
  WorkerApi,
} from "./protocol.js";
import { protocol, unwrap } from "./protocol.js";

/** How long a worker may take to answer for the first time, in ms. */
const helloLimit = 30_000;
/** How long a worker that may have ended has to answer, in ms. */
const answerLimit = 5_000;

type Question<T> = (api: Remote<WorkerApi>) => Promise<Outcome<T>>;

let callCount = 0;

/** One worker, as the page talks to it. */
export class Client {
  readonly #worker: WorkerLike;
  readonly #port: MessagePort;
  readonly #api: Remote<WorkerApi>;
  readonly #loss = new Loss();
  readonly #watches: (() => void)[];
  /** Settles when it is known whether a worker lives that may have ended. */
  #doubt: Promise<void> | undefined;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    this.#port = greet(worker);
    this.#port.addEventListener("messageerror", () =>
      this.#lose("its answer could not be read"),
    );
    this.#api = wrap<WorkerApi>(this.#port);
    this.#watches = [watchWorker(worker, (reason) => this.#lose(reason))];
  }

  /** Whether the worker is of no more use. */
  get isLost(): boolean {
    return this.#loss.error !== undefined;
  }

  /** Whether the worker is of use; waits where it may have ended. */
  async isAlive(): Promise<boolean> {
    await this.#doubt;
    return !this.isLost;
  }

  /**
   * Waits until the worker answers for the first time.
   * @throws {PhaseskipError} `worker-lost` If it does not, or is of another release
   */
  async hello(signal?: AbortSignal): Promise<void> {
    const timer = setTimeout(() => {
      this.#lose(
        `it did not answer within ${helloLimit / 1000} s; its file must call serve() from phaseskip/worker`,
      );
    }, helloLimit);
    try {
      const said = await abortable(this.#loss.race(this.#api.hello()), signal);
      if (said.protocol !== protocol) {
        throw lost("its file is of another release of phaseskip than the page");
      }
      const { life } = said;
      const ask = () => void (this.#doubt = this.#askForLife());
      if (life) this.#watches.push(watchLife(life, ask));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Loads a model in the worker. */
  async load(
    location: string,
    message: LoadMessage,
    onProgress: ((progress: FolderProgress) => void) | undefined,
    signal?: AbortSignal,
    token?: HubOptions["token"],
  ): Promise<LoadedMessage> {
    const failure = new Loss();
    const report = proxy((progress: FolderProgress) => {
      try {
        onProgress?.(progress);
      } catch (error) {
        failure.declare(error as Error);
      }
    });
    const persist = proxy(askToPersist);
    const askToken =
      token === undefined
        ? []
        : [proxy(async () => (typeof token === "function" ? token() : token))];
    const call = ++callCount;
    let asked: Promise<Outcome<LoadedMessage>> | undefined;
    const loading = this.#ask(
      (api) =>
        (asked = api.load(
          call,
          location,
          message,
          report,
          persist,
          ...askToken,
        )),
      signal,
    );
    try {
      return await failure.race(loading);
    } catch (error) {
      void this.#tell((api) => api.stop(call));
      // a model that is loaded all the same is nobody's
      void asked?.then((result) => {
        if (result.isOk) void this.dispose(result.value.pipeline);
      }, noop);
      throw error;
    }
  }

  /** Runs a request, a step for each pull; leaving early ends the run in the worker, too. */
  async *run(
    pipeline: number,
    request: DenoiseOptions,
    previewAs: PreviewForm,
    signal: AbortSignal,
  ): AsyncGenerator<RunStep | BitmapStep, RunResult, void> {
    const call = ++callCount;
    const stop = () => void this.#tell((api) => api.stop(call));
    // also while nobody pulls
    signal.addEventListener("abort", stop);
    let isOpen = true;
    try {
      const options = plainOptions(request);
      await this.#ask(
        (api) => api.start(call, pipeline, options, previewAs),
        signal,
      );
      for (;;) {
        const pulled = await this.#ask((api) => api.next(call), signal);
        if (!pulled.isDone) {
          yield pulled.step;
          continue;
        }
        isOpen = false;
        return pulled.result;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      if (isOpen && !signal.aborted) stop();
    }
  }

  /** Describes what a request would do. */
  async describe(
    pipeline: number,
    request: GenerateOptions,
    hasTimes: boolean,
    signal?: AbortSignal,
  ): Promise<PlanDescription> {
    const call = ++callCount;
    const stop = () => void this.#tell((api) => api.stop(call));
    signal?.addEventListener("abort", stop);
    try {
      const options = plainOptions(request);
      return await this.#ask(
        (api) => api.describe(call, pipeline, options, hasTimes),
        signal,
      );
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Frees a model in the worker. */
  async dispose(pipeline: number): Promise<void> {
    await this.#tell((api) => api.dispose(pipeline));
  }

  /** Ends the worker; open questions reject. */
  close(error: Error): void {
    this.leave(error);
    this.#worker.terminate();
  }

  /** Stops talking to the worker; open questions reject. */
  leave(error: Error): void {
    for (const unwatch of this.#watches) unwatch();
    this.#loss.declare(error);
    this.#port.close();
  }

  /** A free lock is no proof that its worker ended: the worker is asked. */
  async #askForLife(): Promise<void> {
    const timer = setTimeout(() => this.#lose("it ended"), answerLimit);
    await this.#loss.race(this.#api.hello()).catch(noop);
    clearTimeout(timer);
  }

  #lose(reason: string): void {
    this.#loss.declare(lost(reason));
  }

  /**
   * Asks the worker; rejects at once if the signal is aborted.
   * @throws {TypeError} If what is asked cannot be sent
   */
  async #ask<T>(question: Question<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    try {
      const answer = this.#loss.race(question(this.#api));
      return unwrap(await abortable(answer, signal));
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "DataCloneError"))
        throw error;
      throw new TypeError(
        `Cannot hand the options to the worker as they must be plain data: ${error.message}`,
        { cause: error },
      );
    }
  }

  /** Tells the worker something whose answer changes nothing; gives up when the worker is lost. */
  async #tell(
    message: (api: Remote<WorkerApi>) => Promise<unknown>,
  ): Promise<void> {
    if (this.isLost) return;
    await this.#loss.race(message(this.#api)).catch(noop);
  }
}

const noop = () => undefined;

function lost(reason: string): PhaseskipError {
  return new PhaseskipError(
    "worker-lost",
    `Cannot go on as the worker was lost: ${reason}`,
  );
}
