// Pictures of `npm run demo`, the whole Unet's above the plan's, with what each row took.

const themes = {
  light: { text: "#1f2328" },
  dark: { text: "#e6edf3" },
};

const WIDTH = 720;
const GAP = 12;
const HEAD = 40;

const mean = (values) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

/**
 * The picture of a demo.
 * @param numbers what `npm run demo` wrote to out/demo.json
 * @param sheet its out/demo.png: bytes, width, height, and the gap between pictures; one row of whole pictures, one of the plan's
 * @param theme `light` or `dark`
 * @param count pictures in a row, from the first one on
 * @returns an SVG of 720 pixels in width
 */
export function compareFigure(numbers, sheet, theme = "light", count = 4) {
  const { pictures, plan } = numbers;
  const colours = themes[theme];
  const size = (WIDTH - (count - 1) * GAP) / count;
  const side = (i) => mean(pictures.map(({ milliseconds }) => milliseconds[i]));
  const saved = `${Math.round(100 * (1 - side(1) / side(0)))} %`;
  const likeness = mean(pictures.map(({ ssim }) => ssim)).toFixed(3);
  const rows = [
    ["Whole Unet", `${seconds(side(0))} a picture`],
    [`Plan “${plan}”`, `${seconds(side(1))}, ${saved} less, SSIM ${likeness}`],
  ];
  const step = HEAD + size + 18;
  const data = `data:image/png;base64,${Buffer.from(sheet.bytes).toString("base64")}`;
  // where a picture lies on the sheet: all are of one size, with a gap between them and none around
  const pixels =
    (sheet.width - (pictures.length - 1) * sheet.gap) / pictures.length;
  const crop = (row, column) => {
    const x = column * (pixels + sheet.gap);
    const y = row * (pixels + sheet.gap);
    return `<svg x="${column * (size + GAP)}" y="${row * step + HEAD}" width="${size}" height="${size}" viewBox="${x} ${y} ${pixels} ${pixels}"><image width="${sheet.width}" height="${sheet.height}" image-rendering="optimizeSpeed" href="${data}"/></svg>`;
  };
  const columns = Array.from({ length: count }, (_, i) => i);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${2 * step}" width="${WIDTH}" height="${2 * step}" font-family="system-ui, sans-serif" font-size="26">`,
    ...rows.flatMap(([name, cost], row) => [
      `<text x="0" y="${row * step + 28}" font-weight="600" fill="${colours.text}">${name}</text>`,
      `<text x="${WIDTH}" y="${row * step + 28}" text-anchor="end" fill="${colours.text}">${cost}</text>`,
      ...columns.map((column) => crop(row, column)),
    ]),
    `</svg>`,
  ].join("\n");
}
