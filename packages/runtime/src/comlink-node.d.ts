// Comlink ships its adapter for Node without declarations.
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { Endpoint } from "comlink";
  /** Makes a Node worker or a message port look like a web one. */
  function nodeEndpoint(port: object): Endpoint;
  export { nodeEndpoint as default };
}
