import { KeyTemplate } from "../../../src/models/key-template.ts";
import type { Model } from "../../../src/models/model.ts";

/** Users by number, with a version and a time, cached as JSON at `user:{_id}`; `more` says what is different. */
export function makeModel(more: Partial<Model>): Model {
  const id = { field: "_id", type: "number" } as const;
  return {
    name: "accounts.User",
    collection: { database: undefined, collection: "users", id, filter: {}, fields: undefined },
    key: new KeyTemplate("user:{_id}", id),
    encoding: "json",
    fields: undefined,
    versionField: "__v",
    timestampField: "updatedAt",
    timestampUnit: "ms",
    ttlSec: undefined,
    wins: "store",
    orphans: "remove",
    types: {},
    ...more,
  };
}
