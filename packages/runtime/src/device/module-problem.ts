// Why a browser did not import one of ONNX Runtime's modules, which its own error does not say. Fetched only then.

/**
 * Asks for the module that an error names, and says what is wrong with the answer.
 * @param said the browser's error
 * @returns undefined where it names none, or the answer is as it should be
 */
export async function moduleProblem(said: string): Promise<string | undefined> {
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
