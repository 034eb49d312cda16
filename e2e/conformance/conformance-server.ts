// The server of the conformance page: pages under several kinds of headers, models that fail where a case asks for it,
// and the pictures that Node draws.
//   /KIND/page.html?case=NAME      KIND: see PageKind
//   /KIND/phaseskip/FILE           the prebuilt folder, beside it /KIND/FILE.js: the page's own scripts
//   /KIND/control/ID               POST: a model order; GET: what was asked for of that model
//   /KIND/models/ID/PATH           that model
//   /KIND/golden/NAME.json         Node's picture of a request
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { extname, join, normalize } from "node:path";
import { answer, type Fault } from "../fault-server.js";
import type { PageKind } from "./case.js";
import type { GoldenPicture } from "./requests.js";

/** What a file may do wrong. */
export interface Faults extends Fault {
  /** The server is gone: connections are destroyed. */
  readonly unreachable?: boolean;
}

/** A model to serve, or news of one that is served. */
export interface ModelOrder {
  /** Folder in models/. */
  readonly model?: string;
  /** Makes unet/model.onnx larger by so many bytes, with a description inside: a larger download, the same model. */
  readonly padding?: number;
  /** Serves phaseskip.json with the digests of the files as they should be. */
  readonly isPacked?: boolean;
  /**
   * Faults by path, in place of those before; `all` means every file. Of a list each holds for one GET, the last for all
   * that follow.
   */
  readonly faults?: Readonly<Record<string, Faults | readonly Faults[]>>;
}

/** A running server. */
export interface ConformanceServer {
  /** `http://localhost:PORT`. */
  readonly origin: string;
  /** The same server by an address that is no secure context; undefined where this machine has none. */
  readonly insecureOrigin: string | undefined;
  /** Ends the server and its connections. */
  close(): Promise<void>;
}

const policy = (scripts: string, workers: string) =>
  `default-src 'none'; script-src ${scripts}; worker-src ${workers}; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
const wasmToo = "'self' 'wasm-unsafe-eval'";

const headersOf: Readonly<Record<PageKind, Readonly<Record<string, string>>>> =
  {
    plain: {},
    isolated: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
    strict: { "Content-Security-Policy": policy(wasmToo, "'self'") },
    "no-worker": { "Content-Security-Policy": policy(wasmToo, "'none'") },
    "no-wasm": { "Content-Security-Policy": policy("'self'", "'self'") },
    insecure: {},
  };

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const prebuilt = "packages/phaseskip/dist/prebuilt";
const chunkBytes = 2 ** 24;

const pageOf = (title: string, script: string) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><script type="module" src="${script}"></script>`;
const pages: Readonly<Record<string, string>> = {
  "page.html": pageOf("conformance", "page.js"),
  "frame.html": pageOf("frame", "frame.js"),
  "away.html": pageOf("away", "away.js"),
};

interface TestModel {
  readonly files: Map<string, Buffer>;
  readonly requests: string[];
  faults: Record<string, Faults | readonly Faults[]>;
}

/**
 * Serves until closed.
 * @param scripts folder of the page's bundled scripts
 * @param golden Node's pictures by name
 */
export async function serveConformance(
  scripts: string,
  golden: Readonly<Record<string, GoldenPicture>>,
): Promise<ConformanceServer> {
  const models = new Map<string, TestModel>();

  const route = async (request: IncomingMessage, response: ServerResponse) => {
    const path = normalize(
      decodeURIComponent(
        new URL(request.url ?? "/", "http://localhost").pathname,
      ),
    );
    const [, kind = "", area = "", ...rest] = path.split("/");
    const headers = headersOf[kind as PageKind];
    if (path === "/favicon.ico") return response.writeHead(204).end();
    if (!headers) return response.writeHead(404).end();
    for (const [name, value] of Object.entries(headers))
      response.setHeader(name, value);
    const send = (text: string, type: string) =>
      response
        .writeHead(200, { "Content-Type": type, "Cache-Control": "no-store" })
        .end(text);
    const inside = rest.join("/");

    if (pages[area] !== undefined) return send(pages[area], types[".html"]!);
    if (area === "control")
      return control(models, inside, request, response, send);
    if (area === "models")
      return serveModelFile(models, rest, request, response);
    if (area === "golden") {
      const picture = golden[inside.replace(/\.json$/, "")];
      if (picture) return send(JSON.stringify(picture), types[".json"]!);
      return response.writeHead(404).end();
    }
    const file =
      area === "phaseskip" ? join(prebuilt, inside) : join(scripts, area);
    if (!existsSync(file) || !statSync(file).isFile())
      return response.writeHead(404).end();
    return response
      .writeHead(200, {
        "Content-Type": types[extname(file)] ?? "application/octet-stream",
        "Cache-Control": "no-cache",
      })
      .end(readFileSync(file));
  };

  const listen = async (host: string) => {
    const server = createServer((request, response) => {
      route(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return server;
  };
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  const server = await listen("127.0.0.1"); // known as localhost, and by itself as another origin
  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;
  const insecure = address === undefined ? undefined : await listen(address);
  return {
    origin: `http://localhost:${portOf(server)}`,
    insecureOrigin: insecure && `http://${address}:${portOf(insecure)}`,
    async close() {
      for (const one of [server, insecure]) {
        one?.closeAllConnections();
        await new Promise((resolve) => one?.close(resolve) ?? resolve(none));
      }
    },
  };
}

const none = undefined;

/** Takes a model order, or tells of a model's requests. */
async function control(
  models: Map<string, TestModel>,
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
  send: (text: string, type: string) => unknown,
): Promise<unknown> {
  if (request.method === "GET")
    return send(
      JSON.stringify(models.get(id)?.requests ?? []),
      types[".json"]!,
    );
  let text = "";
  for await (const piece of request) text += String(piece);
  const order = JSON.parse(text) as ModelOrder;
  const model = models.get(id) ?? makeModel(order);
  models.set(id, model);
  if (order.faults) model.faults = { ...order.faults };
  return response.writeHead(204).end();
}

function makeModel({
  model,
  padding = 0,
  isPacked = false,
}: ModelOrder): TestModel {
  if (model === undefined) throw new Error("no such model is served");
  const folder = join("models", model);
  const files = new Map<string, Buffer>();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    if (statSync(join(folder, path)).isFile())
      files.set(path, readFileSync(join(folder, path)));
  const unet = "unet/model.onnx";
  if (padding > 0)
    files.set(unet, Buffer.concat([files.get(unet)!, docString(padding)]));
  if (isPacked)
    files.set("phaseskip.json", Buffer.from(JSON.stringify(packed(files))));
  return { files, requests: [], faults: {} };
}

/** ModelProto.doc_string (field 6) of this many bytes, no two stretches of it alike. */
function docString(bytes: number): Buffer {
  const length: number[] = [];
  for (let left = bytes; ; left = Math.floor(left / 128)) {
    length.push((left % 128) + (left >= 128 ? 128 : 0));
    if (left < 128) break;
  }
  const text = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 16)
    text.write(`${at}`.padStart(15, " ") + "\n", at, "latin1");
  return Buffer.concat([Buffer.from([(6 << 3) | 2, ...length]), text]);
}

/** What `phaseskip pack` writes, worked out apart from it. */
function packed(files: ReadonlyMap<string, Buffer>) {
  const listed = [...files].map(([path, bytes]) => {
    const sha256: string[] = [];
    for (let at = 0; at < bytes.length; at += chunkBytes)
      sha256.push(
        createHash("sha256")
          .update(bytes.subarray(at, at + chunkBytes))
          .digest("hex"),
      );
    return [path, { size: bytes.length, sha256 }] as const;
  });
  return {
    format: "phaseskip-model",
    version: 1,
    files: Object.fromEntries(listed),
  };
}

function serveModelFile(
  models: ReadonlyMap<string, TestModel>,
  [id = "", ...parts]: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): unknown {
  const model = models.get(id);
  const path = parts.join("/");
  model?.requests.push(
    [request.method, path, request.headers.range].filter(Boolean).join(" "),
  );
  const body = model?.files.get(path);
  const faultsOf = (name: string): Faults | undefined => {
    const given = model?.faults[name];
    if (!given || !("length" in given)) return given;
    const [now, ...later] = given;
    if (request.method === "GET" && later.length > 0)
      model.faults[name] = later;
    return now;
  };
  const faults = { ...faultsOf("all"), ...faultsOf(path) };
  if (faults.unreachable) return request.socket.destroy();
  if (!body) return answer(request, response, undefined);
  return answer(request, response, {
    etag: `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`,
    ranges: true,
    type: types[extname(path)] ?? "application/octet-stream",
    ...faults,
    body,
  });
}
