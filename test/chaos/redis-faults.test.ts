import { describeFamilies } from "./hold-promises.ts";

describeFamilies([
  "policy-flips",
  "redis-links",
  "redis-restarts",
  "rollbacks",
  "redis-6.2-rollbacks",
  "failovers",
  "everything-at-once",
]);
