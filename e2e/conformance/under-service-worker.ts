// A service worker between page and server, for as long as something runs.
import { settled, skip } from "./case.js";
import type { ServiceWorkerMode } from "./service-worker.js";

/** Runs under a service worker that is gone afterwards. */
export async function underServiceWorker<T>(
  mode: ServiceWorkerMode,
  run: () => Promise<T>,
): Promise<T> {
  const { serviceWorker } = navigator as Partial<Navigator>;
  if (!serviceWorker) skip("this engine gives this page no service worker");
  const claimed = new Promise<unknown>((resolve) =>
    serviceWorker.addEventListener("controllerchange", resolve, { once: true }),
  );
  const script = `service-worker.js?mode=${mode}`;
  const registration = await serviceWorker
    .register(script, { scope: "./" })
    .catch((error: unknown) => skip(`no service worker: ${String(error)}`));
  try {
    await settled(claimed, 20_000);
    return await run();
  } finally {
    await registration.unregister();
    await caches.delete("models");
  }
}
