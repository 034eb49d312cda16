// `phaseskip serve`: the playground, on this machine alone.

import { existsSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { join, resolve } from "node:path";
import sirv from "sirv";
import { PhaseskipError } from "@phaseskip/graph";
import type { CommandIo, Site } from "../command-io.js";
import { localModels, type LocalModel } from "../files/local-models.js";

/** The options of `serve`, read. */
export interface ServeArguments {
  readonly port: number;
}

/** What a page of another machine needs, too, to run this: workers of its own, WASM, threads; a hub, once a model is named. */
const headers = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self' https://huggingface.co https://*.hf.co https://*.huggingface.co; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

/** Runs `phaseskip serve [MODEL…]` until it is interrupted. */
export async function serve(
  locations: readonly string[],
  { port }: ServeArguments,
  io: CommandIo,
): Promise<void> {
  if (port > 65535) {
    throw new RangeError(
      `Cannot serve the playground as --port must be an integer in [0, 65535]: current value is ${port}`,
    );
  }
  const { site } = io;
  if (site === undefined || !existsSync(join(site.playground, "index.html"))) {
    throw new PhaseskipError(
      "fetch-failed",
      "Cannot serve the playground as it is not built: run npm run build",
    );
  }
  const models = await localModels(locations);
  if (models.length === 0) {
    throw new RangeError(
      `Cannot serve the playground as there is no model in ${resolve(".")} nor in its models/: name a model folder`,
    );
  }
  const server = siteServer(site, models);
  await listen(server, port);
  const address = server.address();
  const bound = typeof address === "object" && address ? address.port : port;
  io.stdout.write(`http://localhost:${bound}/\n`);
  io.stderr.write(
    `serving ${models.map(({ name }) => name).join(", ")}; Ctrl-C ends it\n`,
  );
  await new Promise<void>((done) => {
    if (io.signal?.aborted) done();
    io.signal?.addEventListener("abort", () => done());
  });
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}

/** Answers with the page, its worker and the models, and nothing else. */
function siteServer(site: Site, models: readonly LocalModel[]): Server {
  const options = {
    etag: true,
    dev: true, // reads the disk each time: plans are edited while it runs
    setHeaders: (response: ServerResponse) => {
      response.setHeader("Cache-Control", "no-cache");
    },
  };
  const mounts = [
    ...models.map(
      ({ name, folder }) =>
        [`/models/${name}/`, sirv(folder, options)] as const,
    ),
    ["/prebuilt/", sirv(site.prebuilt, options)] as const,
    ["/", sirv(site.playground, options)] as const,
  ];
  const list = JSON.stringify(
    models.map(({ name, plans, prompt }) => ({
      ...{ name, url: `models/${encodeURIComponent(name)}/`, plans },
      ...(prompt !== undefined && { prompt }),
    })),
  );
  return createServer((request, response) => {
    for (const [name, value] of Object.entries(headers))
      response.setHeader(name, value);
    const refuse = (status: number) => response.writeHead(status).end();
    if (request.method !== "GET" && request.method !== "HEAD")
      return refuse(405);
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/models.json") {
      return response
        .writeHead(200, { "Content-Type": "application/json" })
        .end(list);
    }
    const decoded = safeDecode(pathname);
    const mount = mounts.find(([prefix]) => decoded?.startsWith(prefix));
    if (!mount) return refuse(404);
    request.url = `/${(request.url ?? "/").slice(encodeURI(mount[0]).length)}`;
    mount[1](request, response, () => void refuse(404));
    return response;
  });
}

function safeDecode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** @throws {PhaseskipError} If the port is taken */
async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const message =
        cause.code === "EADDRINUSE"
          ? `Cannot serve the playground as port ${port} must be free: something else listens there; choose another by --port, or 0 for any`
          : `Cannot serve the playground on port ${port}: ${cause.message}`;
      reject(new PhaseskipError("fetch-failed", message, { cause }));
    });
    server.listen(port, "localhost", resolve);
  });
}
