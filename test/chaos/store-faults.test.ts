import { describeFamilies } from "./hold-promises.ts";

describeFamilies(["processes", "store-outages", "squeezed-lru"]);
