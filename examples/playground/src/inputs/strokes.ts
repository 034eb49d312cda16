// What is painted, as strokes: they are drawn anew at any size, and taken back one by one.

/** A line of a brush. Places and width are parts of the pad's sides, in [0, 1]. */
export interface Stroke {
  readonly width: number;
  readonly points: (readonly [x: number, y: number])[];
}

/** From this many pixels on a brush is round; below, a pixel is on or off, as in line drawings of small models. */
const roundFrom = 4;

/** Paints strokes in one colour. */
export function paint(
  context: CanvasRenderingContext2D,
  strokes: readonly Stroke[],
  colour: string,
): void {
  const { width, height } = context.canvas;
  context.fillStyle = context.strokeStyle = colour;
  for (const stroke of strokes) {
    const size = Math.max(1, Math.round(stroke.width * width));
    const places = stroke.points.map(
      ([x, y]) => [x * width, y * height] as const,
    );
    if (size < roundFrom) dot(context, size, places);
    else trace(context, size, places);
  }
}

type Places = readonly (readonly [x: number, y: number])[];

function trace(
  context: CanvasRenderingContext2D,
  size: number,
  [first, ...others]: Places,
): void {
  Object.assign(context, { lineWidth: size, lineCap: "round" });
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...first!);
  // a line to where it begins is a dot
  for (const place of others.length > 0 ? others : [first!])
    context.lineTo(...place);
  context.stroke();
}

/** Sets whole pixels, at distances of less than one. */
function dot(
  context: CanvasRenderingContext2D,
  size: number,
  places: Places,
): void {
  let [x, y] = places[0]!;
  const corner = (place: number) => Math.floor(place - (size - 1) / 2);
  for (const [toX, toY] of places) {
    const count = Math.max(1, Math.ceil(2 * Math.hypot(toX - x, toY - y)));
    for (let i = 0; i <= count; i++) {
      const part = i / count;
      const left = corner(x + (toX - x) * part);
      context.fillRect(left, corner(y + (toY - y) * part), size, size);
    }
    [x, y] = [toX, toY];
  }
}
