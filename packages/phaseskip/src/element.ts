export * from "@phaseskip/runtime/element";
