// The site: docs/ as it lies, with what scripts/site writes into docs/generated and docs/api, under a content security
// policy that allows no inline script but those that VitePress writes, by their hashes.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { classSheet, classStyles } from "./class-styles.mjs";
import { repositoryLinks } from "./repository-links.mjs";
import { policyMeta, siteHeaders } from "./site-policy.mjs";

/** Where the site lies on its host, such as `/phaseskip/`. */
const base = process.env.PHASESKIP_SITE_BASE ?? "/";

/** A page in the sidebar, where it is there. */
const page = (text, name) =>
  existsSync(new URL(`../${name}.md`, import.meta.url))
    ? [{ text, link: `/${name}`.replace(/index$/, "") }]
    : [];

export default {
  title: "phaseskip",
  description:
    "Diffusion Unets in any web page, with plans that say which blocks to compute at which steps.",
  lang: "en",
  base,
  metaChunk: true,
  // that would be by a style element, which the policy forbids
  appearance: { disableTransition: false },
  srcExclude: ["generated/**"],
  rewrites: { "study/README.md": "study/index.md" },
  head: [
    ["link", { rel: "icon", href: "data:," }],
    ["link", { rel: "stylesheet", href: `${base}code.css` }],
  ],
  markdown: {
    theme: {
      light: "github-light-high-contrast",
      dark: "github-dark-high-contrast",
    },
    codeTransformers: [classStyles()],
    config: (markdown) => markdown.use(repositoryLinks),
  },
  // laid beside the pages after they are built
  ignoreDeadLinks: [/^\/playground\//, /^\/llms\.txt/],
  transformHtml: (html) => policyMeta(html),
  buildEnd({ outDir }) {
    writeFileSync(join(outDir, "code.css"), classSheet());
    writeFileSync(join(outDir, "_headers"), siteHeaders());
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Start", link: "/start" },
      { text: "Playground", link: "/playground/", target: "_self" },
      { text: "Gallery", link: "/gallery" },
      { text: "API", link: "/api/" },
    ],
    sidebar: [
      {
        text: "Use it",
        items: [
          ...page("What it is", "index"),
          ...page("Start", "start"),
          ...page("Drawing", "drawing"),
          ...page("Pictures in", "pictures-in"),
          ...page("The element", "element"),
          ...page("Models by name", "hub"),
          ...page("Publish a model", "publish"),
          ...page("Exports that run", "exports"),
          ...page("Foreign Unets", "foreign"),
          ...page("Errors", "errors"),
          ...page("Questions", "faq"),
          ...page("For agents", "agents"),
          ...page("Every export", "api/index"),
        ],
      },
      {
        text: "Plans",
        items: [
          ...page("Plans explained", "plans"),
          ...page("Gallery", "gallery"),
          ...page("Published methods", "methods"),
          ...page("Find a plan", "find-a-plan"),
        ],
      },
      {
        text: "Measured",
        items: [
          ...page("What it costs", "costs"),
          ...page("Memory", "memory"),
          { text: "The study", link: "/study/" },
          ...page("A foreign Unet", "study/foreign"),
          ...page("Reliability", "reliability"),
          ...page("What is installed", "supply-chain"),
        ],
      },
    ],
  },
};
