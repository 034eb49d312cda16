// Which values a run keeps, and until when.

import type { AdaptiveDecision } from "./adaptive-decision.js";
import type { ScheduledContext } from "./scheduled-context.js";
import type { Draft } from "./simulation.js";

/** A draft with the decisions that led to it. */
export type DecidedDraft = Draft & {
  readonly decisions: readonly AdaptiveDecision[];
};

/**
 * Keeps what a later step reads, and no longer than that: whether one does shows only from the end.
 * @param steps by step, the contexts in running order
 */
export function keepWhatIsRead(
  steps: readonly (readonly DecidedDraft[])[],
): ScheduledContext[][] {
  const wanted = new Set<string>();
  return steps
    .toReversed()
    .map((drafts) =>
      drafts
        .toReversed()
        .map((draft) => {
          const stores = draft.makes.filter(({ entry }) =>
            wanted.delete(entry),
          );
          const drops = draft.uses.filter((entry) => !wanted.has(entry));
          for (const entry of draft.uses) wanted.add(entry);
          return scheduledContext(draft, stores, [...new Set(drops)]);
        })
        .reverse(),
    )
    .reverse();
}

/** A draft with what it keeps and drops. */
export function scheduledContext(
  { makes: _, uses: __, ...rest }: DecidedDraft,
  stores: ScheduledContext["stores"],
  drops: readonly string[],
): ScheduledContext {
  return { ...rest, stores, drops };
}
