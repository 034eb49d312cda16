// A real HTTP server on localhost that serves files and, where it is told to, fails. Tests in Node change `files`;
// a page in any browser sends its orders over HTTP:
//
//   PUT    /faults/PATH    a JSON object of faults for that file, such as {"breakAfter": 1000, "times": 1}
//   DELETE /faults         every file as it was, no request remembered
//   GET    /faults         the requests so far, as JSON: ["GET unet/model.onnx bytes=1000-", …]
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

/** What may go wrong with one file; several together are possible. */
export interface Fault {
  /** Answers this status instead. */
  status?: number;
  /** Replaces headers; `null` leaves one out. */
  headers?: Record<string, string | null>;
  /** Sent compressed, under `Content-Encoding: gzip`. */
  gzip?: boolean;
  /** Whether `Range` is understood; `false` answers 200 with all of it. */
  ranges?: boolean;
  /** At most this many bytes in one answer to `Range`. */
  rangeBytes?: number;
  /** Names this version where it answers `Range`. */
  rangeEtag?: string;
  /** Destroys the connection after this many bytes of one answer's body. */
  breakAfter?: number;
  /** Sends this many bytes and then nothing more. */
  stallAfter?: number;
  /** Ends the answer after this many bytes as if that were all. */
  truncateAfter?: number;
  /** Flips a bit of the byte at this offset of the file. */
  flipAt?: number;
  /** Answers this many ms later; `Infinity` or `1e9`: never. */
  delayMs?: number;
  /** Sends at most this many bytes a second. */
  bytesPerSecond?: number;
  /** Does not know `HEAD`. */
  noHead?: boolean;
  /** The file's bytes from now on are those of another one here. */
  from?: string;
  /** The faults hold for requests with `Range` alone. */
  onlyRanges?: boolean;
  /** How many requests the faults hold for; then the file is as it was. */
  times?: number;
}

/** One file and how the server treats it; a test may change it between requests. */
export interface Served extends Fault {
  body: Buffer | string;
  etag?: string;
  lastModified?: string;
  type?: string;
}

/** What to serve. */
export interface FaultServerOptions {
  /** Files by path under `/model/`. */
  readonly files?: Readonly<Record<string, Served>>;
  /** A folder that holds the other files under `/model/`; they have a strong ETag. */
  readonly folder?: string;
  /** Pages by path, such as `/`. */
  readonly pages?: Readonly<Record<string, string>>;
  /** Folders by path prefix, such as `/build/`; nothing fails there. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Lets pages of other origins read, as the README tells servers to do. @default true */
  readonly cors?: boolean;
  /** Headers that those pages may see beyond the safelisted ones. */
  readonly exposes?: readonly string[];
  /** @default 0, any that is free */
  readonly port?: number;
}

/** A running server. */
export interface FaultServer {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** URL of the model folder, with `/` at its end. */
  readonly url: string;
  /** What lies under `/model/`, as far as it is not in `folder`. */
  readonly files: Map<string, Served>;
  /** `METHOD path range` of every request for the model, in order. */
  readonly requests: string[];
  /** Makes a file fail. */
  fault(path: string, fault: Fault): void;
  /** Ends the server and its connections. */
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Starts a server. */
export async function serveFaults({
  files = {},
  folder,
  pages = {},
  folders = {},
  cors = true,
  exposes = ["ETag", "Content-Range", "Content-Encoding"],
  port = 0,
}: FaultServerOptions): Promise<FaultServer> {
  const served = new Map(Object.entries(files));
  const faults = new Map<string, Fault>();
  const requests: string[] = [];
  const sockets = new Set<Socket>();

  /** A file as it is on disk now. */
  const onDisk = (path: string): Served | undefined => {
    const place = folder === undefined ? "" : join(folder, path);
    if (!statSync(place, { throwIfNoEntry: false })?.isFile()) return undefined;
    const body = readFileSync(place);
    const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
    const type = types[extname(path)];
    return { body, etag, ranges: true, ...(type !== undefined && { type }) };
  };
  const find = (path: string) => served.get(path) ?? onDisk(path);
  const faulty = (
    path: string,
    { headers }: IncomingMessage,
  ): Served | undefined => {
    const found = faults.get(path);
    const fault =
      found?.onlyRanges && headers.range === undefined ? undefined : found;
    if (fault?.times !== undefined && --fault.times <= 0) faults.delete(path);
    const file = find(fault?.from ?? path);
    return file || fault
      ? { ...(file ?? { body: "", status: 404 }), ...fault }
      : undefined;
  };

  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? "").replace(/\?.*/, ""));
    if (cors) allow(request, response, exposes);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (path.startsWith("/faults")) {
      return void order(path.slice(8), request, response);
    }
    if (path.startsWith("/model/")) {
      const inside = path.slice(7);
      requests.push(
        [request.method, inside, request.headers.range]
          .filter(Boolean)
          .join(" "),
      );
      return answer(request, response, faulty(inside, request));
    }
    return plain(path, response);
  });

  async function order(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    if (request.method === "DELETE") {
      faults.clear();
      requests.length = 0;
    } else if (request.method === "PUT") {
      const text = (await request.toArray()).join("");
      faults.set(path, JSON.parse(text) as Fault);
    }
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(requests));
  }

  function plain(path: string, response: ServerResponse): void {
    const page = pages[path];
    if (page !== undefined) {
      response.writeHead(200, { "content-type": types[".html"] }).end(page);
      return;
    }
    const prefix = Object.keys(folders).find((start) => path.startsWith(start));
    const place =
      prefix === undefined
        ? ""
        : join(folders[prefix]!, path.slice(prefix.length));
    if (!statSync(place, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const type = types[extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type }).end(readFileSync(place));
  }

  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) =>
    server.listen(port, "127.0.0.1", resolve),
  );
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    url: `${origin}/model/`,
    files: served,
    requests,
    fault: (path, fault) => void faults.set(path, { ...fault }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function allow(
  request: IncomingMessage,
  response: ServerResponse,
  exposes: readonly string[],
): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const headers = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, PUT, DELETE",
    "access-control-allow-headers": "Range, Content-Type",
    "access-control-expose-headers": exposes.join(", "),
    "cross-origin-resource-policy": "cross-origin",
  };
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, value);
}

/** Answers one request for a file, with its faults; no file: 404. */
export function answer(
  request: IncomingMessage,
  response: ServerResponse,
  file: Served | undefined,
): void {
  const { delayMs } = file ?? {};
  if (delayMs === undefined) respond(request, response, file);
  // What is left hanging ends with its connection.
  else if (delayMs < 1e9)
    setTimeout(() => respond(request, response, file), delayMs);
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  file: Served | undefined,
): void {
  const isHead = request.method === "HEAD";
  if (!file || (file.status !== undefined && file.status !== 200)) {
    response.writeHead(file?.status ?? 404).end(isHead ? "" : "no");
    return;
  }
  if (isHead && file.noHead) {
    response.writeHead(405).end();
    return;
  }
  let body = Buffer.from(file.body);
  if (file.flipAt !== undefined) body[file.flipAt]! ^= 1;
  let { etag } = file;
  const headers: Record<string, string> = {
    "content-type": file.type ?? "application/octet-stream",
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  let status = 200;
  if (range && file.ranges) {
    const size = body.length;
    const start = Number(range[1]);
    if (start >= size) {
      response.writeHead(416, { "content-range": `bytes */${size}` }).end();
      return;
    }
    const asked = range[2] ? Number(range[2]) + 1 : size;
    const end = Math.min(size, asked, start + (file.rangeBytes ?? size));
    status = 206;
    headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
    body = body.subarray(start, end);
    etag = file.rangeEtag ?? etag;
  } else if (file.gzip) {
    body = gzipSync(body);
    headers["content-encoding"] = "gzip";
  }
  if (etag) headers["etag"] = etag;
  if (file.lastModified) headers["last-modified"] = file.lastModified;
  if (file.truncateAfter === undefined)
    headers["content-length"] = `${body.length}`;
  else body = body.subarray(0, file.truncateAfter);
  for (const [name, value] of Object.entries(file.headers ?? {})) {
    if (value === null) delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = value;
  }
  response.writeHead(status, headers);
  if (isHead) response.end();
  else void send(response, body, file);
}

async function send(
  response: ServerResponse,
  body: Buffer,
  { breakAfter, stallAfter, bytesPerSecond }: Fault,
): Promise<void> {
  const limit = breakAfter ?? stallAfter ?? Infinity;
  const sent = body.subarray(0, limit);
  response.flushHeaders();
  if (bytesPerSecond !== undefined) {
    const piece = Math.max(1, Math.round(bytesPerSecond / 20));
    for (let at = 0; at < sent.length; at += piece) {
      if (response.destroyed) return;
      response.write(sent.subarray(at, at + piece));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } else if (sent.length > 0) {
    // gone to the network, or the client is: what is still here would be lost with the connection
    await new Promise<void>((resolve) => {
      response.once("close", resolve);
      response.write(sent, () => resolve());
    });
  }
  if (limit >= body.length) response.end();
  // Later, so that the client has read what was sent before.
  else if (breakAfter !== undefined)
    setTimeout(() => response.socket?.destroy(), 30);
}
