// The examples: how each is made of its copied folder and our tarballs, and served as its README says.
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { templates } from "create-phaseskip";
import type { Page } from "playwright";
import { serveFiles, type Served } from "../serve.js";
import {
  copyExample,
  createPacked,
  installPacked,
  npm,
  replaceIn,
  unpackPrebuilt,
} from "./packed.js";

/** One way to open an example. */
export interface Example {
  /** Folder in examples/, and the page where it has several. */
  readonly name: string;
  /** Whether it is installed from the registry and built; the others need neither. */
  readonly isBuilt: boolean;
  /** Makes it in an empty folder and serves it. */
  open(folder: string, tarballs: readonly string[]): Promise<Opened>;
  /** What a visitor does before the picture is drawn. */
  act?(page: Page): Promise<void>;
}

/** An example that is served. */
export interface Opened {
  /** The page's address. */
  readonly url: string;
  /** One server for each origin. */
  readonly servers: readonly Served[];
}

/** Violations of a page, its workers and its frames are sent here; a server notes the path. */
export const reportPath = "/csp-report";

/** What the READMEs ask for; `more` as in the README of one. */
const strict = (...more: readonly string[]) => ({
  "Content-Security-Policy": [
    "default-src 'none'",
    "img-src data:", // the empty icon
    ...more,
    `report-uri ${reportPath}`,
  ].join("; "),
});

const own = [
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
];

/** Of pages that make their workers by `<phaseskip-image>` alone. */
const trusted = [
  "require-trusted-types-for 'script'",
  "trusted-types phaseskip",
];

const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

async function serveSite(
  site: string,
  headers: Readonly<Record<string, string>>,
  index = "index.html",
): Promise<Served> {
  return serveFiles({
    pages:
      index === "" ? {} : { "/": await readFile(join(site, index), "utf8") },
    folders: { "/": site },
    headers,
  });
}

const layModel = (site: string) =>
  cp("models/scenes", join(site, "models/scenes"), { recursive: true });

/** A site that is installed, built by `npm run build`, and served from one of its folders, with `files` laid into it. */
const built = (
  name: string,
  site: string,
  policy: readonly string[],
  act?: Example["act"],
  files: Readonly<Record<string, string>> = {},
): Example => ({
  name,
  isBuilt: true,
  ...(act && { act }),
  async open(folder, tarballs) {
    if (Object.hasOwn(templates, name))
      await createPacked(name, folder, tarballs);
    else await copyExample(name, folder);
    await installPacked(folder, tarballs);
    await npm(["run", "build"], folder);
    await layModel(join(folder, site));
    for (const [path, content] of Object.entries(files))
      await writeFile(join(folder, site, path), content);
    const served = await serveSite(join(folder, site), strict(...policy));
    return { url: served.origin, servers: [served] };
  },
});

const minimal = (name: string, headers: Readonly<Record<string, string>>) => ({
  name,
  isBuilt: false,
  async open(folder: string, tarballs: readonly string[]) {
    await copyExample("minimal", folder);
    await unpackPrebuilt(tarballs, join(folder, "phaseskip"));
    await layModel(folder);
    const served = await serveSite(folder, {
      ...strict(...own, ...trusted),
      ...headers,
    });
    return { url: served.origin, servers: [served] };
  },
});

/** The page of another origin, whose policy is that of the README; the widget's answers are readable for it. */
const embedded = (
  name: string,
  page: string,
  policy: (widget: string) => readonly string[],
  headers: Readonly<Record<string, string>> = {},
): Example => ({
  name,
  isBuilt: false,
  async open(folder, tarballs) {
    await copyExample("third-party-embed", folder);
    const widgetFolder = join(folder, "widget");
    await unpackPrebuilt(tarballs, join(widgetFolder, "phaseskip"));
    await layModel(widgetFolder);
    const widget = await serveSite(
      widgetFolder,
      {
        ...strict(...own, ...trusted, "style-src 'self'"),
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Content-Range",
        "Cross-Origin-Resource-Policy": "cross-origin",
      },
      "",
    );
    const host = join(folder, "host");
    const files = ["by-module.html", "by-script.html", "phaseskip.worker.js"];
    await replaceIn(host, files, "https://widget.example", widget.origin);
    const shop = await serveSite(
      host,
      { ...strict(...policy(widget.origin), ...trusted), ...headers },
      page,
    );
    return { url: shop.origin, servers: [shop, widget] };
  },
});

const byModule = (widget: string) => [
  `script-src 'self' ${widget} 'wasm-unsafe-eval'`,
  `worker-src 'self' ${widget}`,
  `connect-src ${widget}`,
];

const playgroundModel = {
  ...{ name: "scenes", url: "models/scenes/", plans: ["balanced"] },
  prompt: "a red boat on the left on the sea at sunset",
};

/** Every example, each in all the ways that its README tells of. */
export const examples: readonly Example[] = [
  minimal("minimal", {}),
  minimal("minimal, isolated", isolation),
  embedded("third-party-embed, by script", "by-script.html", (widget) => [
    `script-src ${widget}`,
    `frame-src ${widget}`,
  ]),
  embedded("third-party-embed, by module", "by-module.html", byModule),
  embedded(
    "third-party-embed, by module, isolated",
    "by-module.html",
    byModule,
    isolation,
  ),
  ...["vite-react", "vite-vue", "vite-svelte"].map((name) =>
    built(name, "dist", [...own, "style-src 'self'"], (page) =>
      page.getByRole("button", { name: "Draw" }).click({ timeout: 120_000 }),
    ),
  ),
  built("webpack", ".", own),
  // Next's pages carry scripts and styles of their own inside
  built("next", "out", [
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    ...own.slice(1),
  ]),
  built(
    "playground",
    "dist",
    [...own, "style-src 'self'"],
    async (page) => {
      await page.getByText("The plan is well formed.").waitFor();
      await page.getByRole("button", { name: "Draw both" }).click();
    },
    { "models.json": JSON.stringify([playgroundModel]) },
  ),
];
