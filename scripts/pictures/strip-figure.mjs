// A plan as a picture: steps from left to right, blocks from top to bottom, of what `phaseskip inspect --plan --json`
// says. Letters are large, for a page on a phone shows it at half its size.

/** Colours by theme: behind a page's own ground, so the figure has none. */
const themes = {
  light: {
    text: "#1f2328",
    run: "#0b63c4",
    reuse: "#a9cdf5",
    idle: "#e9edf1",
  },
  dark: {
    text: "#e6edf3",
    run: "#58a6ff",
    reuse: "#1f4a80",
    idle: "#21262d",
  },
};

const WIDTH = 720;
const LABEL = 178;
const TOP = 70;
const ROW = 30;

const shown = { run: "run", reuse: "reuse", zero: "reuse", change: "reuse" };
const cellColour = (colours, state) => colours[shown[state] ?? "idle"];

/**
 * The picture of a plan.
 * @param plan `plan` of `phaseskip inspect MODEL --plan P --json`
 * @param theme `light` or `dark`
 * @returns an SVG of 720 pixels in width
 */
export function stripFigure({ contexts, timesteps }, theme = "light") {
  const colours = themes[theme];
  const rows = rowsOf(contexts);
  const cell = (WIDTH - LABEL) / timesteps.length;
  const height = TOP + rows.length * ROW + 8;
  const text = (x, y, words, more = "") =>
    `<text x="${x}" y="${y}" fill="${colours.text}" ${more}>${words}</text>`;
  const key = (x, state, words) =>
    `<rect x="${x}" y="2" width="22" height="22" rx="4" fill="${colours[state]}"/>${text(x + 30, 21, words)}`;
  const drawn = rows.flatMap(({ label, states }, i) => {
    const y = TOP + i * ROW;
    return [
      text(0, y + 20, label),
      ...runsOf(states).map(
        ({ state, from, to }) =>
          `<rect x="${(LABEL + from * cell).toFixed(1)}" y="${y}" width="${((to - from) * cell - 1).toFixed(1)}" height="${ROW - 5}" rx="2" fill="${cellColour(colours, state)}"/>`,
      ),
    ];
  });
  const last = timesteps.length - 1;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="22">`,
    key(0, "run", "computed"),
    key(180, "reuse", "forecast or reused"),
    key(440, "idle", "not needed"),
    `<g font-size="20">`,
    text(LABEL, 58, "step 0: noise", `fill-opacity="0.8"`),
    text(
      WIDTH,
      58,
      `step ${last}: the picture`,
      `text-anchor="end" fill-opacity="0.8"`,
    ),
    ...drawn,
    `</g></svg>`,
    "",
  ].join("\n");
}

/** Every block with the prompt, and one row of whether the Unet runs without it. */
function rowsOf(contexts) {
  const [cond, uncond] = ["cond", "uncond"].map((name) =>
    contexts.find(({ context }) => context === name),
  );
  const blocks = cond.rows.filter(({ unit }) =>
    /^(conv_in|conv_out|mid_block|(down|up)_blocks\.\d+)$/.test(unit),
  );
  const isNeeded = (rows, i) => rows.some(({ states }) => states[i] !== "idle");
  const steps = cond.rows[0].states.map((_, i) => i);
  return [
    ...blocks.map(({ unit, states }) => ({ label: unit, states })),
    ...(uncond
      ? [
          {
            label: "guidance",
            states: steps.map((i) =>
              isNeeded(uncond.rows, i) ? "run" : "idle",
            ),
          },
        ]
      : []),
  ];
}

/** Cells of one state that lie side by side, each alone where it is computed, so that steps can be counted. */
function runsOf(states) {
  const runs = [];
  for (const [i, state] of states.entries()) {
    const before = runs.at(-1);
    if (before?.state === state && state !== "run") before.to = i + 1;
    else runs.push({ state, from: i, to: i + 1 });
  }
  return runs;
}
