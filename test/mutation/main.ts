import globalSetup from "../support/servers/global-setup.ts";
import { judgeMutants } from "./gate.ts";
import { MUTANTS } from "./mutants.ts";

// Takes out of the code, one after the other, the rules that keep acknowledged writes, and fails where no test notices.
// `npm run mutants -- lease` tries only those whose name holds the word. The last line has the totals.

const words = process.argv.slice(2);
const chosen = MUTANTS.filter(({ name }) => words.every((word) => name.includes(word)));
// Jest's runs inherit what is found here, so that each need not look for servers again.
await globalSetup();

const verdicts = await judgeMutants(process.cwd(), chosen, ({ name, fate, detail }) => {
  console.log(
    fate === "killed" ? `killed    ${name}` : `${fate.toUpperCase()}  ${name}: ${detail}`,
  );
});

const killed = verdicts.filter(({ fate }) => fate === "killed").length;
console.log(`${killed} passed, ${verdicts.length - killed} failed`);
process.exitCode = killed === verdicts.length && killed > 0 ? 0 : 1;
