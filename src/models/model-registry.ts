import { nearestName } from "../lib/nearest-name.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Model } from "./model.ts";

/** The models that LOCKSTEP_MODELS_FILE declares, in its order. */
export class ModelRegistry {
  readonly models: readonly Model[];
  readonly #byName: ReadonlyMap<string, Model>;

  constructor(models: readonly Model[]) {
    this.models = models;
    this.#byName = new Map(models.map((model) => [model.name, model]));
  }

  /** The model of this name. Errors: MODELS_NOT_CONFIGURED where there are none, INPUT_INVALID where there is no such one. */
  get(name: string): Model {
    const model = this.#byName.get(name);
    if (model !== undefined) return model;
    this.checkAny();
    const nearest = nearestName(name, this.#byName.keys());
    const guess = nearest === undefined ? "list_models names them." : `did you mean ${nearest}?`;
    throw new LockstepError("INPUT_INVALID", `There is no model ${JSON.stringify(name)}: ${guess}`);
  }

  /** The one that is named, or all. Errors: as {@link get}. */
  select(name: string | undefined): readonly Model[] {
    if (name !== undefined) return [this.get(name)];
    this.checkAny();
    return this.models;
  }

  /** Error: MODELS_NOT_CONFIGURED. */
  checkAny(): void {
    if (this.models.length > 0) return;
    throw new LockstepError("MODELS_NOT_CONFIGURED", "No models are declared.");
  }
}
