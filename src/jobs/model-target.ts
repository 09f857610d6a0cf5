import type { ModelCheck, ModelChecker } from "../models/model-checker.ts";
import type { ModelReconciler } from "../models/model-reconciler.ts";
import type { Findings, Reconciled } from "./check-result.ts";
import type { CheckTarget, CheckWanted, ReconcileWanted } from "./check-target.ts";

/** One model of an application. */
export class ModelTarget implements CheckTarget {
  readonly model: string;
  readonly #checker: Pick<ModelChecker, "check">;
  readonly #reconciler: Pick<ModelReconciler, "reconcile">;

  constructor(
    model: string,
    parts: {
      readonly checker: Pick<ModelChecker, "check">;
      readonly reconciler: Pick<ModelReconciler, "reconcile">;
    },
  ) {
    this.model = model;
    this.#checker = parts.checker;
    this.#reconciler = parts.reconciler;
  }

  async check({ sampleSize, signal }: CheckWanted): Promise<Findings> {
    const request = sampleSize === undefined ? { all: true } : { sampleSize };
    return modelFindings(await this.#checker.check(this.model, { ...request, signal }));
  }

  async reconcile({ extent, signal }: ReconcileWanted): Promise<Reconciled> {
    const bounds = extent === "all" ? { maxInstances: Number.MAX_SAFE_INTEGER } : {};
    const { checked, created, updated, removed, skipped, errors, complete } =
      await this.#reconciler.reconcile(this.model, { ...bounds, signal });
    return { checked, created, updated, removed, skipped, errors, complete };
  }
}

/** A document that is not cached is no drift, so what was judged are the entries. */
function modelFindings({
  consistent,
  inconsistent,
  missing,
  orphaned,
  ...found
}: ModelCheck): Findings {
  return {
    checked: consistent + inconsistent + orphaned,
    consistent,
    inconsistent,
    missing,
    orphaned,
    ratio: found.ratio,
    interval: found.ratio === null ? null : found.interval,
    classes: {},
    driftedPrefixes: [],
  };
}
