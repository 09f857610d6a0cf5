import { availableParallelism } from "node:os";

// Jest runs ES modules as they are shipped, so it must be started as scripts/test.mjs does:
// node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js

const shared = {
  rootDir: import.meta.dirname,
  extensionsToTreatAsEsm: [".ts"],
  moduleFileExtensions: ["ts", "js", "mjs", "cjs", "json", "node"],
  modulePathIgnorePatterns: ["<rootDir>/dist"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        jsc: { parser: { syntax: "typescript" }, target: "es2022" },
        module: { type: "es6" },
      },
    ],
  },
  testEnvironment: "<rootDir>/test/support/jest-environment.ts",
  setupFiles: ["<rootDir>/test/support/require-esm.ts"],
};

// These start real servers, which are looked for once, before the first test file.
const withServers = {
  ...shared,
  globalSetup: "<rootDir>/test/support/servers/global-setup.ts",
};

function project(base, displayName) {
  return { ...base, displayName, testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`] };
}

export default {
  projects: [
    project(shared, "unit"),
    project(withServers, "contract"),
    project(withServers, "integration"),
    project(withServers, "e2e"),
    project(withServers, "differential"),
    project(withServers, "chaos"),
  ],
  reporters: ["default", "<rootDir>/test/support/totals-reporter.mjs"],
  // Generous for the 2-core machines of CI: a test that waits has its own, clearer deadline.
  testTimeout: 30_000,
  // Two also on small machines, since most files wait for servers; few, for the memory they take.
  maxWorkers: Math.min(4, Math.max(2, availableParallelism() - 1)),
  // ES modules of finished test files stay in memory until the worker is replaced.
  workerIdleMemoryLimit: "768MB",
};
