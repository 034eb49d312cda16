export * from "@phaseskip/runtime/worker";
