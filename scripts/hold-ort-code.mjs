// ONNX Runtime's code, compiled for as long as a test's process lives. Workers of one process share what one of them holds,
// and the code of one that ends is gone: without this, each command of a test has it compiled anew, half of all its time.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { resolve } = createRequire(import.meta.url);
const file = resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");
const ortCode = await WebAssembly.compile(readFileSync(file));
Object.assign(globalThis, { ortCode });
