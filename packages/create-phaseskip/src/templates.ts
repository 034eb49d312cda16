// The set-ups to choose from: folders of examples/, which the build lays beside this code.

/** A set-up that an app can begin as. */
export interface Template {
  /** What it is in a few words. */
  readonly about: string;
  /** Where in the app its pages look for models. */
  readonly models: string;
  /** Where a copy of phaseskip's prebuilt files lies, in apps without a bundler. */
  readonly prebuilt?: string;
  /** What shows the app, once it is installed. */
  readonly start: readonly string[];
}

const vite = { models: "public/models", start: ["npm run dev"] };

/** Every set-up, by the name of its folder. */
export const templates: Readonly<Record<string, Template>> = {
  "vite-react": { about: "Vite with React", ...vite },
  "vite-vue": { about: "Vite with Vue", ...vite },
  "vite-svelte": { about: "Vite with Svelte", ...vite },
  next: {
    about: "Next, a client component in a static site",
    models: "public/models",
    start: ["npm run dev"],
  },
  webpack: {
    about: "webpack, without a framework",
    models: "models",
    start: ["npm run build", "npx http-server ."],
  },
  minimal: {
    about: "one HTML file, nothing to install or build",
    models: "models",
    prebuilt: "phaseskip",
    start: ["npx http-server ."],
  },
};
