// Without --experimental-vm-modules the transform quietly compiles to CommonJS. Most tests would
// still pass, but on something other than what ships.
if (typeof require === "function") {
  throw new Error(
    "These tests run as ES modules. Start them with `npm test -- <jest arguments>`, or as CONTRIBUTING.md shows.",
  );
}

export {};
