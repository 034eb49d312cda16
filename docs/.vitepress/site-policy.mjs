// The site's content security policy. VitePress writes two small scripts into each page: they are allowed by their hashes.
import { createHash } from "node:crypto";

const hashes = new Set();

const inline = /<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g;

/** Where models by name come from: the playground may ask there, once a visitor names one. */
const hub = [
  ...["https://huggingface.co", "https://*.hf.co", "https://*.huggingface.co"],
];

/**
 * Response headers for hosts that read `_headers`: the policy that allows all pages so far, threads, and no frames. What
 * only the playground may is forbidden again in other pages' heads.
 */
export function siteHeaders() {
  return `/*
  Content-Security-Policy: ${policyOf([...hashes], hub)}; frame-ancestors 'none'
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
`;
}

/** What VitePress writes as style attributes, in whose place site.css has rules. */
const styles = / style="(--vp-vh:0px;|position:relative;)"/g;

/** A page with its policy in its head, which allows its own inline scripts, and without style attributes. */
export function policyMeta(page) {
  const html = page.replace(styles, "");
  const own = [...html.matchAll(inline)].map(
    ([, code]) =>
      `'sha256-${createHash("sha256").update(code).digest("base64")}'`,
  );
  for (const hash of own) hashes.add(hash);
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policyOf(own)}">`;
  return html.replace(/<meta charset="utf-8">/i, (charset) => charset + meta);
}

/** The playground's page with its policy in its head. */
export function playgroundMeta(page) {
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policyOf([], hub)}" />`;
  return page.replace(
    /<meta charset="utf-8" ?\/?>/i,
    (charset) => charset + meta,
  );
}

const policyOf = (scripts, connect = []) =>
  [
    "default-src 'none'",
    ["script-src 'self' 'wasm-unsafe-eval'", ...scripts].join(" "),
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    ["connect-src 'self'", ...connect].join(" "),
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
