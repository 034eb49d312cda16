// The address of a worker's file, as a page that demands Trusted Types takes it.

interface Policy {
  createScriptURL(url: string): string;
}

let policy: Policy | undefined;

/**
 * The address as `new Worker` takes it. Where there are Trusted Types it comes from the policy `phaseskip`, which a page
 * names in its `trusted-types`: it trusts files of the page's own origin alone, whatever wrote the attribute.
 * @throws {TypeError} If there are Trusted Types, and the file is on another origin
 */
export function workerScript(url: string): string {
  const { trustedTypes } = globalThis as {
    trustedTypes?: {
      createPolicy(name: string, rules: Policy): Policy;
    };
  };
  policy ??= trustedTypes?.createPolicy("phaseskip", {
    createScriptURL(script) {
      if (new URL(script).origin === location.origin) return script;
      throw new TypeError(
        `Cannot start the worker as its file must be on the page's own origin, ${location.origin}: it is ${script}`,
      );
    },
  });
  return policy?.createScriptURL(url) ?? url;
}
