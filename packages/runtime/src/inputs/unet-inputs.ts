// The table of what Unets take beside sample and timestep: one entry for each. Shapes, parts, plans, costs and batches
// follow from it; a new input is a new entry.

import { textInput } from "@phaseskip/graph";
import { classLabels } from "./class-labels.js";
import { controlInputs } from "./control-inputs.js";
import { guidanceEmbedding } from "./guidance-embedding.js";
import type { RunInput } from "./run-input.js";
import { timeIds } from "./time-ids.js";

/** Every input that is known, by its name in the graph. */
export const unetInputs: readonly RunInput[] = [
  {
    ...textInput,
    source: "a text encoder, or promptEmbeds",
    value: ({ text }) => text.hidden,
  },
  {
    name: "text_embeds",
    // exports fix all but the batch of these three; else the widths are those of the published models
    dims: ({ batch }) => [batch, 1280],
    changes: false,
    source: "a second text encoder, or pooledPromptEmbeds",
    value: ({ text }) => text.pooled,
  },
  {
    name: "time_ids",
    dims: ({ batch }) => [batch, 6],
    changes: false,
    source: "a Unet of Stable Diffusion XL's, whose pictures' sizes they are",
    value: timeIds,
  },
  {
    name: "timestep_cond",
    dims: ({ batch }) => [batch, 256],
    changes: false,
    source: "guidanceScale",
    value: guidanceEmbedding,
  },
  {
    name: "class_labels",
    dims: ({ batch }) => [batch],
    changes: false,
    source:
      "classLabel, or where it is several numbers, inputs: { constants: { class_labels: [...] } } when loading",
    value: classLabels,
  },
  ...controlInputs,
];
