// The conformance page: runs the case that its address names and leaves the outcome in `globalThis.conformance`.
//   …/STRICT|ISOLATED|PLAIN/page.html?case=NAME
import { Skip, type Outcome } from "./case.js";
import { cases } from "./cases.js";
import { cleanUp } from "./test-model.js";

declare global {
  var conformance: Outcome | undefined;
}

async function outcomeOf(name: string | null): Promise<Outcome> {
  const found = cases.find((one) => one.name === name);
  if (!found) return { status: "failed", reason: `there is no case ${name}` };
  try {
    return { status: "ok", detail: (await found.run()) ?? "" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof Skip) return { status: "skipped", reason };
    return { status: "failed", reason };
  } finally {
    await cleanUp();
  }
}

const name = new URLSearchParams(location.search).get("case");
document.title = name ?? "conformance";
globalThis.conformance = await outcomeOf(name);
