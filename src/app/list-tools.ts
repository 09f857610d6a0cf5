import { bindTools } from "../../tools/index.ts";
import type { Services } from "../../tools/services.ts";
import type { Tool } from "../transport/tool.ts";

/** The tools without anything behind them: their names and schemas can be read, and none of them can run. */
export function listTools(): readonly Tool[] {
  return bindTools({} as Services);
}
