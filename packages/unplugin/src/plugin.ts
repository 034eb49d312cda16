// The plug-in: lays the prebuilt worker's files into the output, and tells `worker()` their address.

import type { ServerResponse } from "node:http";
import { createUnplugin } from "unplugin";
import { workerFiles } from "./worker-files.js";

/** Where the files go. */
export interface PluginOptions {
  /** Folder of the output that they lie in. @default "phaseskip" */
  readonly folder?: string;
  /**
   * Where the output lies, relative to the page, with `/` at its end.
   * @default `base` of Vite, `output.publicPath` of webpack; else the page's own folder
   */
  readonly base?: string;
}

const plugin = createUnplugin((options: PluginOptions | undefined, meta) => {
  const { folder = "phaseskip" } = options ?? {};
  let base = options?.base;
  let isServed = false;
  /** The address, as code. */
  const address = () =>
    base === undefined && meta.framework === "webpack"
      ? `__webpack_public_path__ + ${JSON.stringify(`${folder}/`)}`
      : JSON.stringify(`${base ?? ""}${folder}/`);
  return {
    name: "phaseskip",
    transformInclude: (id) =>
      /[\\/]unplugin[\\/]\w+[\\/]worker\.[jt]s$/.test(id),
    transform: (code) => code.replace(/"phaseskip\/"/, () => address()),
    async buildEnd() {
      if (isServed) return;
      for (const { name, bytes } of await workerFiles())
        this.emitFile({
          type: "asset",
          fileName: `${folder}/${name}`,
          source: await bytes(),
        });
    },
    vite: {
      // what is bundled ahead of time is not transformed
      config: () => ({
        optimizeDeps: { exclude: ["@phaseskip/unplugin/worker"] },
      }),
      configResolved(config) {
        base ??= config.base;
        isServed = config.command === "serve";
      },
      configureServer(server) {
        server.middlewares.use((request, response, next) => {
          const path = (request.url ?? "").replace(/[?#].*/, "");
          serve(path, response).then((isDone) => isDone || next(), next);
        });
      },
    },
  };

  async function serve(
    path: string,
    response: ServerResponse,
  ): Promise<boolean> {
    const start = `/${folder}/`;
    const at = path.lastIndexOf(start);
    if (at < 0) return false;
    const name = path.slice(at + start.length);
    const file = (await workerFiles()).find((one) => one.name === name);
    if (!file) return false;
    response.setHeader("Content-Type", file.type);
    response.end(await file.bytes());
    return true;
  }
});

/**
 * For Vite, in `plugins`.
 *
 * @example
 * ```ts
 * // vite.config.ts
 * import { vite as phaseskip } from "@phaseskip/unplugin";
 *
 * export default { plugins: [phaseskip()] };
 * ```
 */
export const vite = plugin.vite;
/** For webpack 5, in `plugins`. */
export const webpack = plugin.webpack;
/** For Rollup, in `plugins`. */
export const rollup = plugin.rollup;
/** For esbuild, in `plugins`; it needs `outdir`. */
export const esbuild = plugin.esbuild;
