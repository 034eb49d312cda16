// How the command finds a model by its name on a hub: by the environment that the hub's own tools read.

import type { HubRequest } from "@phaseskip/runtime/internals";

/** What a command may be told of a hub. */
export interface HubArguments {
  /** Branch, tag or commit. */
  readonly revision?: string;
}

/** The hub of `HF_ENDPOINT`, asked with the token of `HF_TOKEN`, where these are set. */
export function hubRequest({ revision }: HubArguments): HubRequest {
  const { HF_ENDPOINT: hub, HF_TOKEN: token } = process.env;
  return {
    ...(revision !== undefined && { revision }),
    ...(hub && { hub }),
    ...(token && { token: async () => token }),
  };
}
