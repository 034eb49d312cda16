// How a page opens a wire to its worker: each pipeline gets a port of its own, so that an app can talk to its
// worker beside it, and none closes another's.

/** Opens a wire to a worker; it may be used before the worker runs. */
export function greet(worker: {
  postMessage(message: unknown, transfer: readonly unknown[]): void;
}): MessagePort {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ phaseskip: port2 }, [port2]);
  return port1;
}

/** The port in a message to a worker, if it is a greeting. */
export function greetingPort(message: unknown): MessagePort | undefined {
  return (message as { readonly phaseskip?: MessagePort } | null)?.phaseskip;
}
