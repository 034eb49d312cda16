// Why a browser did not import or run one of ONNX Runtime's modules, which its own error hardly says. Fetched only then.

/**
 * Asks for the module that an error names, and says what is wrong with the answer.
 * @param said the browser's error
 * @returns undefined where it names none, or the answer is as it should be
 */
export async function moduleProblem(said: string): Promise<string | undefined> {
  if (/content security policy|blocked by CSP/i.test(said))
    return "the content security policy must allow WebAssembly, by 'wasm-unsafe-eval' in script-src, in the page's headers and in those of the worker's file";
  const url = /https?:\/\/[^\s"']+\.m?js\b[^\s"']*/.exec(said)?.[0];
  const answer =
    url && (await fetch(url, { method: "HEAD" }).catch(() => null));
  if (!answer) return undefined;
  const type = answer.headers.get("content-type") ?? "no type";
  const isPage = /^text\/html/i.test(type);
  if (!answer.ok || isPage)
    return `the server has no ${url}: it answers ${isPage ? "with a web page" : answer.status}; ONNX Runtime's files must lie beside the file that imports it, or where wasmPaths says`;
  if (/^(text|application)\/(x-)?(javascript|ecmascript)/i.test(type))
    return undefined;
  return `the server must send ${url} with the type text/javascript: it sends ${type}; a server's table of types may lack .mjs`;
}
