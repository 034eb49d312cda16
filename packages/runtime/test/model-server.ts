// A real HTTP server on localhost that serves a model and, where a test asks for it, fails.

import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";

/** One file and how the server treats it; a test may change it between requests. */
export interface Served {
  body: Buffer | string;
  etag?: string;
  lastModified?: string;
  type?: string;
  /** Sent compressed. */
  gzip?: boolean;
  /** Answers this instead. */
  status?: number;
  /** Understands `Range`. */
  ranges?: boolean;
  /** Names this version where it answers `Range`. */
  rangeEtag?: string;
  /** Destroys the connection after this many bytes of one answer's body. */
  breakAfter?: number;
  /** Sends this many bytes and then nothing more. */
  stallAfter?: number;
  /** Does not know `HEAD`. */
  noHead?: boolean;
}

export interface ModelServer {
  /** URL of the model folder, with `/` at its end. */
  url: string;
  files: Map<string, Served>;
  /** `METHOD path range`, in order. */
  requests: string[];
  close(): Promise<void>;
}

export async function serveModel(
  files: Record<string, Served>,
): Promise<ModelServer> {
  const served = new Map(Object.entries(files));
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(
      (request.url ?? "").replace("/model/", "").replace(/\?.*/, ""),
    );
    requests.push(
      [request.method, path, request.headers.range].filter(Boolean).join(" "),
    );
    answer(request, response, served.get(path));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model/`,
    files: served,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Answers one request for a file, with the faults that the file asks for. */
export function answer(
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
  let { etag } = file;
  const headers: Record<string, string> = {
    "content-type": file.type ?? "application/octet-stream",
  };
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  let status = 200;
  if (range && file.ranges) {
    const start = Number(range[1]);
    if (start >= body.length) {
      response.writeHead(416).end();
      return;
    }
    status = 206;
    headers["content-range"] =
      `bytes ${start}-${body.length - 1}/${body.length}`;
    body = body.subarray(start);
    etag = file.rangeEtag ?? etag;
  } else if (file.gzip) {
    body = gzipSync(body);
    headers["content-encoding"] = "gzip";
  }
  if (etag) headers["etag"] = etag;
  if (file.lastModified) headers["last-modified"] = file.lastModified;
  headers["content-length"] = `${body.length}`;
  response.writeHead(status, headers);
  const limit = file.breakAfter ?? file.stallAfter;
  if (isHead) response.end();
  else if (limit === undefined || limit >= body.length) response.end(body);
  else {
    response.write(body.subarray(0, limit), () => {
      // Later, so that the client has read what was sent before.
      if (file.breakAfter !== undefined) {
        setTimeout(() => response.socket?.destroy(), 30);
      }
    });
  }
}
