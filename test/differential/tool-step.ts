import type { ToolName } from "../support/lockstep/tool-answers.ts";

/** How the servers and processes of one stream are set up. */
export interface ToolSetting {
  readonly maxmemoryPolicy: "noeviction" | "volatile-lru" | "allkeys-lru";
  /** Processes that take turns, on the same backends. */
  readonly instances: 1 | 2;
}

/** In the place of a version: one that the key was given before, counted back from the last, or its neighbour. */
export interface VersionPlan {
  readonly back: number;
  readonly shift: -1 | 0 | 1;
}

/** As a tool takes them, but for versions, which differ from one product to the next. */
export type Args = Readonly<Record<string, unknown>>;

export type Strategy = "auto" | "cache" | "store" | "newest";

/** What another hand makes of a row that is alive: another value, with the hash of it or with the old one. */
export interface EditPlan {
  readonly key: string;
  readonly value: string;
  readonly hash: "right" | "old";
}

export type ToolStep = {
  /** Which instance is asked. */
  readonly by: 0 | 1;
} & (
  | { readonly do: "call"; readonly tool: ToolName; readonly args: Args }
  /** A write whose time to live is waited for. */
  | {
      readonly do: "let expire";
      readonly tool: "kv_set" | "hybrid_sync_manual";
      readonly args: Args;
    }
  /** The process ends in good order, and another one comes in its place. */
  | { readonly do: "restart" }
  /** Calls with a limit, from cursor to cursor. */
  | { readonly do: "verify in parts" | "list times in parts"; readonly args: Args }
  | {
      readonly do: "repair";
      readonly key: string;
      readonly strategy: Strategy;
      readonly dryRun: boolean;
    }
  /** Rows are edited, found, and repaired one by one. */
  | {
      readonly do: "drift, repaired by key";
      readonly edits: readonly EditPlan[];
      readonly strategy: Strategy;
      readonly andUndo: boolean;
    }
  /** Rows are edited, found, and repaired by a plan. */
  | {
      readonly do: "drift, repaired by plan";
      readonly edits: readonly EditPlan[];
      readonly strategy: Strategy;
      /** A write of the first key between plan and apply. */
      readonly writtenMeanwhile: boolean;
      readonly andUndo: boolean;
    }
);
