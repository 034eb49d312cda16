// The worker's part.
export * from "@phaseskip/runtime/worker";
