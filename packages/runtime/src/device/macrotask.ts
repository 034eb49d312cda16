// A turn of the event loop: the only time at which a worker hears that a call was cancelled.

/** Between two turns work goes on for at most this long, in ms, and the session run under way. */
const longestTurn = 8;
let turnStart = -Infinity;

/** Those who wait for a macrotask, in their order, and the port whose messages begin them: no timer is as prompt. */
const waiting: (() => void)[] = [];
let port: MessagePort | undefined;

function openPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => waiting.shift()?.();
  return port2;
}

/** Resolves in a new macrotask, so that messages that wait are handled first. */
export async function macrotask(): Promise<void> {
  await new Promise<void>((resolve) => {
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    waiting.push(resolve);
    port ??= openPort();
    port.postMessage(null);
  });
  turnStart = performance.now();
}

/** A macrotask if the last one is some time ago: for work in many small pieces. */
export async function breathe(): Promise<void> {
  if (performance.now() - turnStart >= longestTurn) await macrotask();
}
