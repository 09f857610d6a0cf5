import { describeFamilies } from "./hold-promises.ts";

describeFamilies([
  "processes",
  "store-outages",
  "replica-set",
  "clocks",
  "squeezed-lru",
  "squeezed-rollbacks",
]);
