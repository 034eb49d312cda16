// A static file server for tests, on a free port of localhost.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** What to serve. */
export interface ServeOptions {
  /** Pages by path: `{ "/": "<!doctype html>…" }`. */
  readonly pages?: Readonly<Record<string, string>>;
  /** Folders by path prefix: `{ "/models/": "models" }`. */
  readonly folders: Readonly<Record<string, string>>;
  /** Sent with every response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running server. */
export interface Served {
  /** `http://localhost:PORT`. */
  readonly origin: string;
  /** The paths asked for so far, in order. */
  readonly requested: readonly string[];
  /** Ends the server and its connections. */
  close(): Promise<void>;
}

/** Serves folders and pages until closed. */
export async function serveFiles({
  pages = {},
  folders,
  headers = {},
}: ServeOptions): Promise<Served> {
  const requested: string[] = [];
  const server = createServer((request, response) => {
    const path = normalize(
      decodeURIComponent(
        new URL(request.url ?? "/", "http://localhost").pathname,
      ),
    );
    requested.push(path);
    const page = pages[path];
    if (page !== undefined)
      return response
        .writeHead(200, { ...headers, "Content-Type": types[".html"]! })
        .end(page);
    const prefix = Object.keys(folders).find((start) => path.startsWith(start));
    const file =
      prefix === undefined
        ? ""
        : join(folders[prefix]!, path.slice(prefix.length));
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (file === "" || size === undefined || file.endsWith("/"))
      return response.writeHead(404, headers).end();
    const type = types[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, {
      ...headers,
      "Content-Type": type,
      "Content-Length": size,
      ETag: `"${size}"`,
    });
    return createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    requested,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
