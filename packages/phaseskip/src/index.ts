// Everything that a page needs; the worker's part is phaseskip/worker.
export * from "@phaseskip/runtime";
