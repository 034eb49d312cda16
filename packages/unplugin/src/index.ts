export { esbuild, rollup, vite, webpack } from "./plugin.js";
export type { PluginOptions } from "./plugin.js";
