import { describe, expect, it } from "@jest/globals";
import { CLASSES, type CopyClass, isIssue } from "../../../src/verify/classify.ts";
import { suggestionFor } from "../../../src/verify/suggestion.ts";

const classes = Object.keys(CLASSES) as CopyClass[];

describe("suggestionFor", () => {
  it.each(classes.filter(isIssue))("says what to do about %s", (copyClass) => {
    expect(suggestionFor(copyClass)).toMatch(/\w\.$/);
  });

  it.each(classes.filter((name) => !isIssue(name) && name !== "unmanaged"))(
    "has nothing to say about %s",
    (copyClass) => {
      expect(suggestionFor(copyClass)).toBeNull();
    },
  );

  it("says that a value of another program may be adopted", () => {
    expect(suggestionFor("unmanaged")).toContain("adopt");
  });
});
