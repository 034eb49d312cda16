export * from "@phaseskip/runtime";
