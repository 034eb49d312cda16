// How long a stage of the work still takes, judged by how long it took so far.

/** A stage shorter than this, in ms, says nothing of time. */
const LEAST_MS = 2000;
/** So long a stage is watched, in ms, before anything is said. */
const WATCH_MS = 1000;

/**
 * A judge of the time left, for one line of progress.
 * @returns a function of the stage's label and the share of it that is done, in [0, 1]; it says `12 s left`, or nothing
 *   where a stage has just begun, is done, or takes less than two seconds in all
 */
export function timeLeft(): (label: string, share: number) => string {
  let stage: string | undefined;
  let began = { at: 0, share: 0 };
  return (label, share) => {
    const at = performance.now();
    if (label !== stage || share < began.share) {
      stage = label;
      began = { at, share };
    }
    const elapsed = at - began.at;
    const done = share - began.share;
    if (share >= 1 || done <= 0 || elapsed < WATCH_MS) return "";
    const left = (elapsed / done) * (1 - share);
    return elapsed + left < LEAST_MS ? "" : `${formatLeft(left)} left`;
  };
}

/** Seconds below two minutes, minutes below two hours, then hours; rounded up. */
function formatLeft(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3600)} h`;
}
