import { openSync, readSync, fstatSync, readFileSync } from "node:fs";
import { test } from "vitest";
import { bytesSource } from "../src/byte-source.js";
import { loadGraph } from "../src/load/load-graph.js";
import { analyseUnet } from "../src/unet.js";
import { liveGraph } from "../src/cut/live.js";
import { partition } from "../src/cut/partition.js";
test("x", async () => {
  const graph = await loadGraph(bytesSource(new Uint8Array(readFileSync(process.env["F"]!))));
  const unet = analyseUnet(graph, { batch: 1, channels: 4, height: 16, width: 16, tokens: 12, textWidth: 32 } as never);
  const cut = process.env["CUT"] ? new Set(process.env["CUT"].split(",")) : new Set<string>();
  const sigs = [liveGraph(unet, new Set(), () => "fresh"), ...(cut.size ? [liveGraph(unet, cut, () => "cache")] : [])];
  const { segments } = partition(unet, sigs);
  const lines = new Map<string, number>(); const ex = new Map<string,string>();
  for (const s of segments) {
    const ins = new Set(s.nodes.flatMap((n: any) => n.inputs));
    for (const n of s.nodes as any[]) for (const i of n.inputs) {
      const p = unet.graph.producers.get(i);
      if (p && !(s.nodes as any[]).includes(p) && (s as any).inputs?.some((e: any) => (e.name ?? e) === i)) {
        const k = `${(segments.find((q)=>(q.nodes as any[]).includes(p)) as any)?.kind} -> ${(s as any).kind}: ${p.opType} -> ${n.opType}`;
        lines.set(k, (lines.get(k) ?? 0) + 1); ex.set(k, i);
      }
    }
  }
  console.log(segments.map((s: any) => [s.kind, s.nodes.length, Object.keys(s)].join(" ")));
  console.log([...lines].map(([k, v]) => `${k} ×${v}  e.g. ${ex.get(k)}`).join("\n"));
});
