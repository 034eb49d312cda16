export { copyModel, copyTemplate } from "./copy-parts.js";
export { createApp } from "./create-app.js";
export type { AppOptions, AppParts } from "./create-app.js";
export { templates } from "./templates.js";
export type { Template } from "./templates.js";
