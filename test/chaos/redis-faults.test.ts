import { describeFamilies } from "./hold-promises.ts";

describeFamilies(["policy-flips", "redis-restarts", "rollbacks", "failovers"]);
