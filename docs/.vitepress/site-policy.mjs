// The site's content security policy. VitePress writes two small scripts into each page: they are allowed by their hashes.
import { createHash } from "node:crypto";

const hashes = new Set();

const inline = /<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g;

/** The policy that allows the inline scripts of all pages so far. */
export function sitePolicy() {
  return policyOf([...hashes]);
}

/** A page with its policy in its head; the policy allows its own inline scripts. */
export function policyMeta(html) {
  const own = [...html.matchAll(inline)].map(
    ([, code]) =>
      `'sha256-${createHash("sha256").update(code).digest("base64")}'`,
  );
  for (const hash of own) hashes.add(hash);
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policyOf(own)}">`;
  return html.replace(/<meta charset="utf-8">/i, (charset) => charset + meta);
}

const policyOf = (scripts) =>
  [
    "default-src 'none'",
    ["script-src 'self' 'wasm-unsafe-eval'", ...scripts].join(" "),
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
