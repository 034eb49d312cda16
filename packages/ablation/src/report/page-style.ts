// How the page looks, in light and dark, on a phone and on paper.

/** The page's style sheet. */
export const pageStyle = `
:root { color-scheme: light dark; --soft: light-dark(#5a6069, #a3a9b5); --line: light-dark(#ddd, #3a3f49); font: 16px/1.55 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 820px; padding: 24px 16px 64px; background: light-dark(#fff, #15171c); color: light-dark(#1b1e23, #e6e8ec); }
h1 { font-size: 1.7rem; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 12px; }
h2 { font-size: 1.15rem; margin: 40px 0 8px; }
p, figcaption, summary { overflow-wrap: anywhere; }
header p b { font-variant-numeric: tabular-nums; }
.hint { color: var(--soft); }
figure { margin: 16px 0; }
figcaption { font-size: 0.875rem; color: var(--soft); max-width: 70ch; }
.wide { overflow-x: auto; }
.wide svg { display: block; max-width: none; }
svg [aria-label][tabindex], tr[data-cell] { cursor: pointer; }
svg [tabindex]:focus-visible { outline: 2px solid currentColor; }
details { border-top: 1px solid var(--line); padding: 8px 0; }
summary { cursor: pointer; }
table { border-collapse: collapse; font-size: 0.8125rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 2px 10px 2px 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; font-weight: 400; font-family: ui-monospace, monospace; }
dialog { border: 1px solid var(--line); border-radius: 8px; max-width: min(760px, 94vw); background: light-dark(#fff, #1e2128); color: inherit; }
dialog::backdrop { background: #0008; }
dialog h2 { margin: 0 32px 12px 0; font-size: 1rem; overflow-wrap: anywhere; }
dialog form { float: right; }
dialog button { font: inherit; font-size: 1.25rem; line-height: 1; min-width: 36px; min-height: 36px; border: 1px solid var(--line); border-radius: 6px; background: none; color: inherit; cursor: pointer; }
#cell-pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 16px; }
#cell-pictures figure { margin: 0; }
#cell-pictures .two { display: flex; gap: 4px; }
#cell-pictures img { width: 50%; min-width: 0; image-rendering: pixelated; }
@media print {
  :root { color-scheme: light; font-size: 11pt; }
  body { max-width: none; padding: 0; }
  .hint, dialog, details { display: none; }
  figure { break-inside: avoid; }
  .wide { overflow: visible; }
  .wide svg { max-width: 100%; height: auto; }
}
`;
