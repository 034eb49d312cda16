// An app in an empty folder: a copy of a set-up, with a model where its pages look for one.

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { copyModel, copyTemplate } from "./copy-parts.js";
import { type Template, templates } from "./templates.js";

/** What is asked for. */
export interface AppOptions {
  /** The app's folder; it may be there, empty. */
  readonly folder: string;
  /** A set-up's name. */
  readonly template: string;
}

/** What an app is made of: folders, and a version. */
export interface AppParts {
  /** Set-ups, by name. */
  readonly templates: string;
  /** The model that every set-up draws with, `scenes`. */
  readonly model: string;
  /** phaseskip's prebuilt files. */
  readonly prebuilt: string;
  /** The version of phaseskip that an app asks for. */
  readonly version: string;
}

const ignored = ["node_modules/", "dist/", "out/", ".next/"];

/**
 * Makes an app.
 * @returns what to type next, a line each
 * @throws {RangeError} If there is no such set-up
 * @throws {TypeError} If the folder is there and holds something
 * @example
 * ```ts
 * import { createApp } from "create-phaseskip";
 *
 * const parts = {
 *   templates: "examples",
 *   model: "models/scenes",
 *   prebuilt: "node_modules/phaseskip/dist/prebuilt",
 *   version: "0.1.0",
 * };
 * const next = await createApp({ folder: "app", template: "minimal" }, parts);
 * ```
 */
export async function createApp(
  { folder, template }: AppOptions,
  parts: AppParts,
): Promise<string[]> {
  const chosen = Object.hasOwn(templates, template) && templates[template];
  if (!chosen)
    throw new RangeError(
      `Cannot create an app as the template must be one of ${Object.keys(templates).join(", ")}: current value is ${JSON.stringify(template)}`,
    );
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new TypeError(
      `Cannot create an app in ${folder} as it must be a folder that can be read: ${error.message}`,
      { cause: error },
    );
  });
  if (there.length > 0)
    throw new TypeError(
      `Cannot create an app in ${folder} as it must be empty or not there yet: it holds ${there[0]}; choose another folder`,
    );
  await mkdir(folder, { recursive: true });
  await copyTemplate(join(parts.templates, template), folder);
  await copyModel(parts.model, join(folder, chosen.models, "scenes"));
  if (chosen.prebuilt !== undefined)
    await cp(parts.prebuilt, join(folder, chosen.prebuilt), {
      recursive: true,
    });
  // npm leaves files of this name out of what it packs
  await writeFile(join(folder, ".gitignore"), `${ignored.join("\n")}\n`);
  const isInstalled = await nameApp(folder, parts.version);
  const next = [...(isInstalled ? ["npm install"] : []), ...chosen.start];
  await writeFile(join(folder, "README.md"), readme(folder, chosen, next));
  const isHere = resolve(folder) === resolve(".");
  return [...(isHere ? [] : [`cd ${quoted(folder)}`]), ...next];
}

function readme(
  folder: string,
  { about, models }: Template,
  next: readonly string[],
): string {
  return `# ${basename(resolve(folder))}

A diffusion Unet draws on its visitor's device: ${about}.

\`\`\`
${next.join("\n")}
\`\`\`

The model lies in \`${models}/scenes\`; its page, README.md there, says what it can draw. A model of your own goes beside it: name its
folder where the code says \`models/scenes/\`, and take out the plan \`balanced\` if it ships none.
`;
}

/** Names the app after its folder, as npm allows names; false where nothing is installed. */
async function nameApp(folder: string, version: string): Promise<boolean> {
  const path = join(folder, "package.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return false;
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const manifest = JSON.parse(text) as { dependencies: object };
  const dependencies = { ...manifest.dependencies, phaseskip: version };
  const named = { ...manifest, name: name === "" ? "app" : name, dependencies };
  await writeFile(path, `${JSON.stringify(named, undefined, 2)}\n`);
  return true;
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : JSON.stringify(path);
}
