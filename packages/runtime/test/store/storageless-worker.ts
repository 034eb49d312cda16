// A worker in a browser that keeps nothing, as some private windows do.
import { serve } from "../../src/wire/worker.js";

Object.defineProperty(globalThis, "indexedDB", { value: undefined });
serve();
