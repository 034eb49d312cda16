// npm run site: the documentation, static, in docs/.vitepress/dist, with the playground and the model `scenes` inside.
// What is made first: the API's pages of the declarations' comments, and strips and the gallery of the plans as they are.
// Needs `npm run build`.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Application } from "typedoc";
import { build } from "vitepress";
import { playgroundMeta } from "../../docs/.vitepress/site-policy.mjs";
import { writeGallery } from "./gallery.mjs";
import { writeServiceWorker } from "./offline.mjs";

const site = "docs/.vitepress/dist";
const playground = "packages/phaseskip/dist/playground";
/**
 * What the playground offers, the first at once, with what to draw at first. `parts` are the folders of models/ that its
 * folder is laid from, and where in it.
 */
const models = [
  {
    name: "scenes",
    parts: { scenes: "" },
    prompt: "a red boat on the left on the sea at sunset",
  },
  {
    name: "scenes, drawn after lines",
    parts: { scenes: "", "scenes-control": "controlnet" },
    prompt: "a house with a red roof on grass at day with a sun",
  },
  {
    name: "scenes, painted in",
    parts: { "scenes-inpaint": "" },
    prompt: "a red boat on the sea at sunset",
  },
].map((model) => ({ ...model, folder: Object.keys(model.parts).at(-1) }));

/** One page for each entry point of `phaseskip`. */
async function writeApi() {
  const entries = ["index", "worker", "element", "plans"];
  const app = await Application.bootstrapWithPlugins({
    name: "API",
    out: "docs/api", // emptied first
    entryPoints: entries.map((name) => `packages/phaseskip/src/${name}.ts`),
    tsconfig: "tsconfig.json",
    plugin: ["typedoc-plugin-markdown"],
    readme: "none",
    router: "module",
    entryFileName: "index",
    hidePageHeader: true,
    hideBreadcrumbs: true,
    disableSources: true,
    excludeExternals: true,
    excludePrivate: true,
    useCodeBlocks: true,
    useHTMLAnchors: true, // headings of one name
    parametersFormat: "list",
    skipErrorChecking: true, // tsc has checked them
    logLevel: "Error",
  });
  const project = await app.convert();
  if (!project) throw new Error("Cannot write the API's pages: see above");
  await app.generateOutputs(project);
}

/** Names of the plans that a model ships, the one in between first. */
function plansOf(name) {
  const order = ["balanced", "quality", "fast"];
  const has = (plan) => existsSync(`models/${name}/plans/${plan}.json`);
  return order.filter(has);
}

/** A model's folder, of its parts; over HTTP nothing lists a folder, so that its index names the ControlNet. */
function layModel(to, folder, parts) {
  const at = (...path) => join(to, "models", folder, ...path);
  for (const [part, place] of Object.entries(parts))
    cpSync(`models/${part}`, at(place), {
      recursive: true,
      filter: (path) => !/features|\.png$|README/.test(path),
    });
  if (!Object.values(parts).includes("controlnet")) return;
  const index = JSON.parse(readFileSync(at("model_index.json"), "utf8"));
  index.controlnet = ["diffusers", "ControlNetModel"];
  writeFileSync(at("model_index.json"), JSON.stringify(index));
}

/** The playground as it is served, with models beside it, under the site's policy. */
async function layPlayground() {
  const to = join(site, "playground");
  cpSync(playground, to, { recursive: true });
  cpSync("packages/phaseskip/dist/prebuilt", join(to, "prebuilt"), {
    recursive: true,
  });
  for (const { folder, parts } of models) layModel(to, folder, parts);
  const list = models.map(({ name, folder, parts, prompt }) => {
    const plans = plansOf(Object.keys(parts)[0]);
    return { name, url: `models/${folder}/`, plans, prompt };
  });
  writeFileSync(join(to, "models.json"), JSON.stringify(list));
  const register = 'navigator.serviceWorker?.register("sw.js");\n';
  writeFileSync(join(to, "register.js"), register);
  const page = readFileSync(join(to, "index.html"), "utf8");
  const script = '<script type="module" src="register.js"></script>';
  const registering = page.replace("</head>", `${script}</head>`);
  writeFileSync(join(to, "index.html"), playgroundMeta(registering));
  await writeServiceWorker(to, /^models\/|^LICENSES|\.txt$/);
}

if (!existsSync(playground)) {
  console.error(`site: ${playground} is missing: run npm run build first`);
  process.exit(1);
}
mkdirSync("docs/generated", { recursive: true });
await writeApi();
await writeGallery("models/scenes");
await build("docs");
await writeServiceWorker(site, /^_headers$|^playground\//);
await layPlayground();
