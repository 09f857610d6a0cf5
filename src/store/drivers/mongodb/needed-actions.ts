import { LEASES, OUTBOX, RECORDS, SHADOW, STATE } from "./collections.ts";

/** What the driver does in each collection, in MongoDB's words for its roles. `readWrite` allows all of it. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  [SHADOW]: ["find", "insert", "update", "remove", "createIndex"],
  [OUTBOX]: ["find", "insert", "update", "remove", "createIndex", "collMod"],
  [STATE]: ["find", "insert", "update"],
  [LEASES]: ["find", "insert", "update"],
  [RECORDS]: ["find", "insert", "update", "remove", "createIndex"],
};

/** As `connectionStatus` with `showPrivileges` names them. */
export interface Privilege {
  readonly resource: {
    readonly db?: string;
    readonly collection?: string;
    readonly anyResource?: boolean;
  };
  readonly actions: readonly string[];
}

/** What is needed and no privilege allows, each as `action on collection`. */
export function refusedActions(
  database: string,
  privileges: readonly Privilege[],
): readonly string[] {
  return Object.entries(NEEDED).flatMap(([collection, actions]) => {
    const allowed = new Set(
      privileges
        .filter(({ resource }) => covers(resource, database, collection))
        .flatMap((privilege) => privilege.actions),
    );
    return actions
      .filter((action) => !allowed.has(action) && !allowed.has("anyAction"))
      .map((action) => `${action} on ${collection}`);
  });
}

/** An empty name stands for every database, or every collection that is not the server's own. */
function covers(
  { db, collection: granted, anyResource }: Privilege["resource"],
  database: string,
  collection: string,
): boolean {
  if (anyResource === true) return true;
  if (db === undefined || granted === undefined) return false;
  return (db === "" || db === database) && (granted === "" || granted === collection);
}
