// Comlink ships its adapter for Node without declarations.
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { Endpoint } from "comlink";
  import type { MessagePort, Worker } from "node:worker_threads";
  /** Makes a Node worker or port look like a web one. */
  function nodeEndpoint(port: Worker | MessagePort): Endpoint;
  export { nodeEndpoint as default };
}
