// A service worker between page and server, as apps have one; what it does with a model's files is in its address:
//   keep     every answer is kept whole and given from then on, whatever range was asked for
//   busy     503, as an app that shows its own offline page
//   broken   a network error
//   whole    passes everything on, but asks for no ranges
//   opaque   what another origin gives to no page: its bytes may not be read

/** What it does with a model's files. */
export type ServiceWorkerMode = "keep" | "busy" | "broken" | "whole" | "opaque";

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface ServiceWorkerScope extends EventTarget {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}
const scope = globalThis as unknown as ServiceWorkerScope;
const mode = new URLSearchParams(location.search).get(
  "mode",
) as ServiceWorkerMode;

scope.addEventListener("install", () => void scope.skipWaiting());
scope.addEventListener("activate", (event) =>
  (event as Event & { waitUntil(done: Promise<void>): void }).waitUntil(
    scope.clients.claim(),
  ),
);
scope.addEventListener("fetch", (event) => {
  const { request, respondWith } = event as FetchEvent;
  if (new URL(request.url).pathname.includes("/models/"))
    respondWith.call(event, answer(request));
});

async function answer(request: Request): Promise<Response> {
  if (mode === "busy") return new Response("come back later", { status: 503 });
  if (mode === "broken") return Response.error();
  if (mode === "whole") return fetch(request.url, { method: request.method });
  if (mode === "opaque") {
    const elsewhere = request.url.replace("//localhost:", "//127.0.0.1:");
    return fetch(elsewhere, { mode: "no-cors" });
  }
  const cache = await caches.open("models");
  const known = await cache.match(request.url);
  if (known) return known;
  const whole = await fetch(request.url);
  if (whole.status < 500) await cache.put(request.url, whole.clone());
  return whole;
}
