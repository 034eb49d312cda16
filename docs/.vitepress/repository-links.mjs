// Links from a page to what is in the repository and not on the site: into the repository where package.json names one, else
// their words alone, with the path as a title. Elsewhere the same links work as they are written.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";

const { repository } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);
const address = repository?.url?.replace(/^git\+|\.git$/g, "");
const docs = new URL("../", import.meta.url);

/** A plug-in for markdown-it. */
export function repositoryLinks(markdown) {
  // before VitePress's own rule for links, which is one of rendering
  markdown.core.ruler.push("repository-links", ({ tokens, env }) => {
    const folder = dirname(env.relativePath ?? "index.md");
    for (const { children } of tokens) if (children) rewrite(children, folder);
  });
}

function rewrite(tokens, folder) {
  let isOpen = false;
  for (const token of tokens) {
    const href = token.type === "link_open" ? token.attrGet("href") : undefined;
    const path = href ? outsidePath(href, folder) : undefined;
    if (href && path === undefined && !href.includes(":"))
      token.attrSet("href", href.replace(/\bREADME\.md/, "index.md"));
    if (path !== undefined && address)
      token.attrSet("href", `${address}/blob/main/${path}`);
    else if (path !== undefined) {
      Object.assign(token, { type: "span_open", tag: "span" });
      token.attrs = [["title", `${path} in the repository`]];
      isOpen = true;
    } else if (token.type === "link_close" && isOpen) {
      Object.assign(token, { type: "span_close", tag: "span" });
      isOpen = false;
    }
  }
}

/** The path in the repository of what the site does not have; undefined for addresses and pages. */
function outsidePath(href, folder) {
  if (/^([a-z]+:|\/|#)/i.test(href)) return undefined;
  const path = join(folder, href.replace(/#.*/, ""));
  const isPage = path.endsWith(".md") && existsSync(new URL(path, docs));
  return isPage && !path.startsWith("../") ? undefined : join("docs", path);
}
