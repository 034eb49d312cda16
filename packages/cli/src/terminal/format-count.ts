// Large counts, times and shares as people read them.

const UNITS = ["", " k", " M", " G", " T"];

/** A count in three digits, such as `460 M`. */
export function formatCount(count: number): string {
  let scaled = count;
  let unit = 0;
  // what would round to four digits takes the next unit
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const digits = unit === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${scaled.toFixed(digits)}${UNITS[unit]}`;
}

/** A time, such as `12.3 s` or `45 ms`. */
export function formatTime(milliseconds: number): string {
  return milliseconds < 999.5
    ? `${milliseconds.toFixed(0)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** A share of 1 in percent, such as `34 %`. */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
