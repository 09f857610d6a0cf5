import { Refusal } from "./refusal.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Parses a request body. What is not UTF-8 is refused too: decoding it leniently would change a value unseen. */
export function readJson(body: unknown): unknown {
  if (!(body instanceof Uint8Array) || body.byteLength === 0) {
    throw new Refusal(400, "parseError", "The body is empty; a JSON object is expected.");
  }
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    const reason = error instanceof SyntaxError ? "JSON" : "UTF-8";
    throw new Refusal(400, "parseError", `The body is not valid ${reason}.`);
  }
}
