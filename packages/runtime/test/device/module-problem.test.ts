import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attempt } from "../../src/device/attempt.js";

const types: Record<string, string | undefined> = {
  "/right.mjs": "text/javascript; charset=utf-8",
  "/wrong.mjs": "application/octet-stream",
  "/page.mjs": "text/html",
};
const server = createServer(({ url }, response) => {
  const type = types[url!];
  response.writeHead(type ? 200 : 404, type ? { "Content-Type": type } : {});
  response.end();
});
let base: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const failing = (path: string) =>
  attempt("start ONNX Runtime", () =>
    Promise.reject(
      new TypeError(
        `Failed to fetch dynamically imported module: ${base}${path}`,
      ),
    ),
  );

test.each([
  ["/wrong.mjs", /type text\/javascript: it sends application\/octet-stream/],
  ["/page.mjs", /answers with a web page.*beside the file that imports it/],
  ["/missing.mjs", /answers 404.*wasmPaths/],
  ["/right.mjs", /wasmPaths.*content security policy/],
])("attempt() says why %s was not imported", async (path, why) => {
  await expect(failing(path)).rejects.toMatchObject({
    code: "fetch-failed",
    message: expect.stringMatching(why) as string,
  });
});

test("attempt() does not blame wasmPaths for a wrong type", async () => {
  await expect(failing("/wrong.mjs")).rejects.not.toThrow(/wasmPaths/);
});

test.each([
  "Aborted(CompileError: WebAssembly.instantiate(): violates the following Content Security policy directive)",
  "Aborted(CompileError: call to WebAssembly.instantiate() blocked by CSP)",
])("attempt() names the policy that forbids WebAssembly: %s", async (said) => {
  const failed = attempt("create a session", () =>
    Promise.reject(
      new Error(`no available backend found. ERR: [wasm] ${said}`),
    ),
  );
  await expect(failed).rejects.toMatchObject({
    code: "fetch-failed",
    message: expect.stringMatching(/must allow.*'wasm-unsafe-eval'/) as string,
  });
});
