// The page: one HTML file with everything in it, for someone who never saw the project.

import {
  isPhaseClaim,
  leastBinsForPhases,
  type RunTime,
  type SweepPhases,
} from "../phases/sweep-phases.js";
import {
  effectPerCost,
  emergenceCurve,
  gainCurve,
  leastSaved,
  skipsAlongU,
} from "./figures.js";
import { describeCell, heatmap } from "./heatmap.js";
import { pageScript } from "./page-script.js";
import { pageStyle } from "./page-style.js";
import type { CellSummary } from "./cell-summary.js";
import type { ActionSummary, ReportData } from "./report-data.js";
import { allCells, leastLowPass } from "./report-data.js";

/** What the page shows beside its numbers. */
export interface PageParts {
  /** What the model is called. */
  readonly title: string;
  /** Pictures as `data:` URLs: of each cell, and of the full runs, in the order of the pairs. */
  readonly pictures: {
    readonly reference: readonly string[];
    readonly cells: Readonly<Record<string, readonly string[]>>;
  };
}

/**
 * Writes the page.
 *
 * @param document makes the figures' elements; a browser's or one like it
 */
export function reportPage(
  data: ReportData,
  parts: PageParts,
  document: Document,
): string {
  const { manifest, actions } = data;
  const { settings } = manifest;
  const figure = (element: Element, caption: string) =>
    `<figure><div class="wide">${element.outerHTML}</div><figcaption>${caption}</figcaption></figure>`;
  const pairs = manifest.pairs.length;
  const setting = `${[settings.scheduler, ...(settings.schedulerOptions ?? [])].join(", ")}, ${settings.numInferenceSteps} steps, guidance ${settings.guidanceScale}`;
  const clipping = `the predicted clean sample is clipped as the scheduler’s configuration says; ${(100 * data.clippedShare).toFixed(1)} % of the final values (median over cells) lie outside of the range`;
  const sections = actions.map((action, i) => {
    const raw = figure(
      heatmap(data, action, "raw", document),
      `<strong>Safe to skip when.</strong> 1 − SSIM of the final picture to the full model’s, mean of ${pairs} pairs; ${setting}; ${clipping}. Hatched: within the floor.${helped(data, action)}${bounded(action)}`,
    );
    const normalised = action.cells.some((cell) => cell.normalised !== null)
      ? figure(
          heatmap(data, action, "normalised", document),
          `<strong>Matters when.</strong> Change of the final sample over that of a random change of the Unet’s output of equal norm on the same steps. ${action.name.startsWith("reuse") ? "Reuse changes the stale steps of a window alone, the random change all of them: good for comparing units in one column, not for phases, which are not looked for here." : "1: the unit’s absence is felt as much as noise of that strength."} Blank: too small a change to divide.`,
        )
      : "";
    return `<section><h2 id="action-${i}">${escape(headings[action.name] ?? capital(action.name))}</h2><p>${escape(action.description)}</p>${raw}${normalised}<p>${describePhases(action.phases)}</p></section>`;
  });
  const zeroed = actions.find(({ name }) => name === "zero");
  const skips = zeroed && skipsAlongU(data, zeroed, document);
  const json = JSON.stringify({
    cells: Object.fromEntries(
      allCells(data).map((cell) => [cell.cell, describeCell(cell)]),
    ),
    pictures: parts.pictures,
    pairs: manifest.pairs.map(({ prompt, seed }) =>
      [settings.prompts?.[prompt], `seed ${seed}`]
        .filter((part) => part !== undefined)
        .join(" · "),
    ),
  }).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(parts.title)}: which part matters when</title>
<style>${pageStyle}</style>
<svg width="0" height="0" aria-hidden="true"><defs>${hatch}</defs></svg>
<header>
<h1>Which part of the Unet matters when: ${escape(parts.title)}</h1>
<p>A diffusion model draws a picture by calling one network, a Unet, at ${settings.numInferenceSteps} steps from noise to picture. Here one part of that Unet was changed at a time, for a few steps of the run and only there, and the picture at the end was compared with the one that the whole Unet draws from the same noise.</p>
<p>${facts(data)}</p>${partial(data)}
</header>
<main>
<p class="hint">Press a cell to see its numbers and the pictures behind it.</p>
${sections.join("\n")}
<section><h2>The sampler’s own gain</h2>${figure(gainCurve(data, document), "How much a random change of the Unet’s output grows until the end, over its own relative norm. Early changes are amplified whatever makes them: this is the sampler’s doing, and why the second map of each action is divided by it.")}</section>
${emerges(data, document, figure)}
${skips ? `<section><h2>Skip connections along the U</h2>${figure(skips, "What each skip carries from the encoder (left) to the decoder (right), as strong as its zeroing is felt in the bin where it is felt most (1 − SSIM).")}${zeroMean(data)}</section>` : ""}
<section><h2>Effect against saved cost</h2>${figure(effectPerCost(data, document), `A point is a cell that saves at least ${100 * leastSaved} % of the run’s multiply-accumulates. Nothing lies below and to the right of the dashed line. Effects do not add: what is safe alone may not be safe together, and plans are judged by running them.`)}</section>
${actions.map(({ name, cells }) => table(headings[name] ?? capital(name), cells)).join("\n")}
${data.others.length > 0 ? table("Windows that are no single bins", data.others) : ""}
<section><h2>How to read this</h2>
<p>The floor is what the same run does when its initial noise is changed by one part in ten thousand${settings.floorBackend ? ", or when another build computes it" : ""}: 1 − SSIM ${data.floor.toExponential(1)}. ${settings.seeds < 4 ? "There are fewer than 4 seeds per prompt: no intervals are given." : "Intervals are 95 %, resampling prompts, then seeds."} Different actions have different colour scales and are not to be compared by colour.</p>
<p>Model ${escape(manifest.identity.model)}; ${escape(manifest.identity.onnxRuntime)}; ${escape(manifest.identity.planLanguage)}.</p>
</section>
</main>
<dialog id="cell" aria-labelledby="cell-title"><form method="dialog"><button aria-label="Close">×</button></form><h2 id="cell-title"></h2><div id="cell-pictures"></div></dialog>
<script type="application/json" id="data">${json}</script>
<script>${pageScript}</script>
</html>
`;
}

/** Stripes over cells that are within the floor; both figures and page refer to it. */
export const hatch =
  '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="1.5" height="6" fill="#888"/></pattern>';

/** A page of one shard says that it is. */
function partial({ manifest }: ReportData): string {
  const { index, count } = manifest.shard;
  return count > 1
    ? `<p><strong>This is one of ${count} shards, number ${index}: other cells lie elsewhere.</strong></p>`
    : "";
}

function facts(data: ReportData): string {
  const { manifest, units, actions, bins } = data;
  const { settings, pairs } = manifest;
  const prompts = settings.prompts?.length;
  return [
    `<b>${units.length}</b> parts`,
    `<b>${bins.length}</b> stretches of the run`,
    `<b>${actions.length}</b> ${actions.length === 1 ? "action" : "actions"}`,
    `<b>${allCells(data).length}</b> cells`,
    prompts === undefined
      ? `<b>${pairs.length}</b> seeds`
      : `<b>${prompts}</b> prompts × <b>${settings.seeds}</b> seeds`,
  ].join(" · ");
}

function describePhases(phases: SweepPhases | undefined): string {
  if (!phases) return "";
  const claim = isPhaseClaim(phases)
    ? ""
    : ` With ${phases.bins} bins, fewer than ${leastBinsForPhases}, this is a hint and no claim.`;
  const boundary = phases.boundaries
    .map(
      ({ at, lower, upper }) =>
        `timestep ${Math.round(at.timestep)} (${Math.round(upper.timestep)} to ${Math.round(lower.timestep)}; ${logSnrOf(at)})`,
    )
    .join(", ");
  const share = phases.probabilities[phases.boundaries.length];
  const found = {
    phases: `<strong>${phases.boundaries.length + 1} phases</strong>, which meet at ${boundary}${share === undefined ? "" : `; ${(100 * share).toFixed(0)} % of resamples find as many`}.`,
    gradual:
      "<strong>Gradual, no phases:</strong> a trend tells the course as well as pieces do.",
    none: "<strong>No phases:</strong> the units’ part does not change over the run.",
    unknown: "Too few prompts or seeds to look for phases.",
  }[phases.verdict];
  return found + claim;
}

function emerges(
  data: ReportData,
  document: Document,
  figure: (element: Element, caption: string) => string,
): string {
  if (!data.emergence) return "";
  const { onset } = data.emergence;
  const found = onset
    ? `From step ${onset.step} on (${timeOf(onset)}) that holds for nine runs in ten.`
    : "At no step does that hold for nine runs in ten.";
  return `<section><h2>When the composition is there</h2>${figure(emergenceCurve(data, document), `Nothing is taken out here: the share of full runs in which the picture as it is predicted at a step, blurred, has an SSIM of at least ${leastLowPass} to the final one. ${found} An independent check on the phases above.`)}</section>`;
}

function timeOf({ timestep, logSnr }: RunTime): string {
  return `timestep ${Math.round(timestep)}, ${logSnrOf({ logSnr })}`;
}

function logSnrOf({ logSnr }: Pick<RunTime, "logSnr">): string {
  return `log-SNR ${logSnr.toFixed(1).replace("-", "−")}`;
}

function zeroMean({ zeroMeanAgreement }: ReportData): string {
  if (zeroMeanAgreement === null) return "";
  const verdict =
    zeroMeanAgreement < 0.7
      ? "they disagree: nothing here is a claim of redundancy"
      : "they agree";
  return `<p>Skips ranked by zeroing and by their mean: Spearman’s correlation ${zeroMeanAgreement.toFixed(2)}, ${verdict}.</p>`;
}

function table(heading: string, cells: readonly CellSummary[]): string {
  const isMixed = new Set(cells.map(({ action }) => action)).size > 1;
  const rows = cells
    .map(
      (cell) =>
        `<tr data-cell="${escape(cell.cell)}"><th scope="row">${escape(isMixed ? `${cell.unit}, ${cell.action}` : cell.unit)}</th><td>${cell.firstStep}–${cell.endStep - 1}</td><td>${cell.loss.value.toFixed(4)}</td><td>${cell.loss.lower === cell.loss.upper ? "–" : `${cell.loss.lower.toFixed(4)} – ${cell.loss.upper.toFixed(4)}`}</td><td>${cell.lossP90.toFixed(4)}</td><td>${cell.normalised?.toFixed(2) ?? "–"}</td><td>${cell.local.toFixed(3)}</td><td>${(100 * cell.saved).toFixed(1)} %</td></tr>`,
    )
    .join("");
  return `<details><summary>${escape(heading)}: all numbers</summary><div class="wide"><table><thead><tr><th>unit</th><th>steps</th><th>1 − SSIM</th><th>95 %</th><th>p90</th><th>normalised</th><th>local</th><th>saved</th></tr></thead><tbody>${rows}</tbody></table></div></details>`;
}

/** What an action is to a reader, by its name. */
const headings: Readonly<Record<string, string>> = {
  zeroResidual: "Removal: without what a unit adds",
  zero: "Zeroed",
  mean: "Replaced by the mean",
  bypass: "Bypassed",
};

/** What triangles mean, or why there can be none. */
function helped({ convergedPairs }: ReportData, { cells }: ActionSummary) {
  if (convergedPairs === null) return "";
  if (convergedPairs === 0)
    return " No pair’s converged path agrees with that of half as many steps: nothing is said of parts whose absence helps.";
  if (cells.every(({ helps }) => helps === null))
    return " There are too few seeds, or pairs whose path has converged, to say of which parts the absence helps.";
  const count = cells.filter(({ helps }) => helps && helps.lower > 0).length;
  return ` Triangles (${count}): the picture comes nearer to the converged path, by the interval over ${convergedPairs} pairs: there the part does harm.`;
}

function bounded({ phases }: ActionSummary): string {
  if (!phases?.boundaries.length) return "";
  return isPhaseClaim(phases)
    ? " Black lines: where phases meet; grey: their 95 % intervals."
    : " Dashed: where phases may meet, with too few bins for a claim; grey: the 95 % intervals.";
}

const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1);

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
