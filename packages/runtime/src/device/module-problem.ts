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
  if (!answer.ok)
    return `the server has no ${url}: it answers ${answer.status}; put ONNX Runtime's files there, or say by wasmPaths where they are`;
  const type = answer.headers.get("content-type") ?? "no type";
  if (/^(text|application)\/(x-)?(javascript|ecmascript)/i.test(type))
    return undefined;
  return `the server must send ${url} with the type text/javascript: it sends ${type}; a server's table of types may lack .mjs`;
}
