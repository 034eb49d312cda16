import { loadPipeline } from "phaseskip";
import { worker } from "@phaseskip/unplugin/worker";

export const pipeline = await loadPipeline("/models/scenes/", { worker });
