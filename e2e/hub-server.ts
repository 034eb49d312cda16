// A hub as models' hubs are: it lists a model's files a page at a time, gives small ones itself, and leads large ones to
// another origin by signed addresses that hold for one request.
import { createHash, randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { answer, type Served } from "./fault-server.js";

/** One model of the hub; a test may change it between requests. */
export interface HubModel {
  /** Files by path. */
  readonly files: Record<string, Buffer | string>;
  /** Paths of those that lie on the other origin, as large ones do. */
  readonly large: readonly string[];
  /** What files are asked for with: everybody may see the list. */
  gated?: string;
  /** What everything is asked for with. */
  secret?: string;
  /** What goes wrong with a file, wherever it lies. */
  faults: Record<string, Partial<Served>>;
}

/** A running hub. */
export interface HubServer {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** The origin of large files. */
  readonly storage: string;
  /** Models by name, all in revision `main`. */
  readonly models: Map<string, HubModel>;
  /** `METHOD path range` of every request in order; those for large files begin with `storage`. */
  readonly requests: string[];
  /** Headers of the last request for the list or a file of the hub's own. */
  lastHeaders: IncomingMessage["headers"];
  /** How many signed addresses from now on are expired when they are reached. */
  expired: number;
  /** What happens to the list: a status, or a body that is cut; for how many requests. */
  listFault: { status?: number; cut?: boolean; times: number };
  /** Where the list goes on, in place of the hub itself. */
  nextOrigin: string;
  /** Ends both servers. */
  close(): Promise<void>;
}

const exposed =
  "X-Repo-Commit,X-Error-Code,X-Error-Message,ETag,Link,Accept-Ranges,Content-Range";

/** Starts a hub that lists `pageSize` files a page. */
export async function serveHub(pageSize = 3): Promise<HubServer> {
  const models = new Map<string, HubModel>();
  const requests: string[] = [];
  /** What each signed address that still holds stands for. */
  const signed = new Map<string, Served>();
  const note = (place: string, request: IncomingMessage) => {
    const path = (request.url ?? "").replace(/\?sig.*/, "");
    const { range } = request.headers;
    requests.push(
      [place, request.method, path, range].filter(Boolean).join(" "),
    );
  };

  const storage = createServer((request, response) => {
    allow(request, response);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    note("storage", request);
    if (request.headers.authorization) {
      response.writeHead(400).end("only one auth mechanism allowed");
      return;
    }
    const file = signed.get(request.url ?? "");
    signed.delete(request.url ?? "");
    if (file) answer(request, response, file);
    else response.writeHead(403).end("the address has expired");
  });
  await listen(storage);
  const storageOrigin = originOf(storage);

  const server = createServer((request, response) => {
    allow(request, response);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    note("", request);
    hub.lastHeaders = request.headers;
    const url = new URL(request.url ?? "", hub.origin);
    const listed = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(
      url.pathname,
    );
    const resolved = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(
      url.pathname,
    );
    const [, name = "", revision = "", path = ""] = listed ?? resolved ?? [];
    const model = models.get(name);
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    if (!model || (model.secret && token !== model.secret)) {
      const status = token === undefined ? 401 : 404;
      return refuse(response, status, "RepoNotFound", "Repository not found");
    }
    if (decodeURIComponent(revision) !== "main") {
      const said = `Invalid rev id: ${revision}`;
      return refuse(response, 404, "RevisionNotFound", said);
    }
    if (listed) return list(url, model, response);
    if (model.gated && token !== model.gated) {
      const said = `Access to model ${name} is restricted.`;
      return refuse(response, token ? 403 : 401, "GatedRepo", said);
    }
    return resolve(decodeURIComponent(path), model, request, response);
  });
  await listen(server);

  function list(
    url: URL,
    { files, large }: HubModel,
    response: ServerResponse,
  ) {
    const { listFault } = hub;
    if (listFault.times-- > 0) {
      if (listFault.status) response.writeHead(listFault.status).end("no");
      else if (listFault.cut) {
        response.writeHead(200, { "content-length": "1000" }).write("[{");
        setTimeout(() => response.socket?.destroy(), 10);
      }
      return;
    }
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const entries = Object.entries(files).map(([path, body]) =>
      entryOf(path, Buffer.from(body), large.includes(path)),
    );
    const folders = [{ type: "directory", path: "unet", size: 0, oid: "0" }];
    const page = [...folders, ...entries].slice(from, from + pageSize);
    if (from + pageSize < folders.length + entries.length) {
      const next = new URL(url.pathname + url.search, hub.nextOrigin);
      next.searchParams.set("cursor", String(from + pageSize));
      response.setHeader("link", `<${next.href}>; rel="next"`);
    }
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(page));
  }

  function resolve(
    path: string,
    { files, large, faults }: HubModel,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    const body = files[path];
    if (body === undefined)
      return refuse(response, 404, "EntryNotFound", "Entry not found");
    const etag = `"${digestOf("sha256", Buffer.from(body)).slice(0, 40)}"`;
    const fault = faults[path];
    if (fault?.times !== undefined && --fault.times <= 0) delete faults[path];
    const served = { body, etag, ranges: true, ...fault };
    if (!large.includes(path)) return answer(request, response, served);
    const address = `/${etag.slice(1, -1)}?sig=${randomUUID()}`;
    if (hub.expired > 0) hub.expired--;
    else signed.set(address, served);
    response.writeHead(302, { location: storageOrigin + address }).end();
  }

  const hub: HubServer = {
    origin: originOf(server),
    storage: storageOrigin,
    models,
    requests,
    lastHeaders: {},
    expired: 0,
    listFault: { times: 0 },
    nextOrigin: originOf(server),
    async close() {
      for (const one of [server, storage]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  };
  return hub;
}

/** A file as the list has it. */
function entryOf(path: string, body: Buffer, isLarge: boolean) {
  const size = body.length;
  const sha256 = digestOf("sha256", body);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`;
  const inGit = isLarge ? Buffer.from(pointer) : body;
  const blob = Buffer.concat([Buffer.from(`blob ${inGit.length}\0`), inGit]);
  const oid = digestOf("sha1", blob);
  const lfs = { oid: sha256, size, pointerSize: pointer.length };
  return { type: "file", path, size, oid, ...(isLarge && { lfs }) };
}

function digestOf(kind: "sha1" | "sha256", bytes: Buffer): string {
  return createHash(kind).update(bytes).digest("hex");
}

function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  said: string,
): void {
  response
    .writeHead(status, { "x-error-code": code, "x-error-message": said })
    .end();
}

function allow(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.origin === undefined) return;
  const headers = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "Range, Authorization",
    "access-control-expose-headers": exposed,
  };
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, value);
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
