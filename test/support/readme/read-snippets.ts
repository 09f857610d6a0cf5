/** One fenced block of a Markdown page. */
export interface Snippet {
  /** Where its fence opens, counted from 1. */
  readonly line: number;
  readonly language: string;
  /** What follows the language on the fence, which no renderer shows: "answer", the name of a file. */
  readonly label: string;
  readonly text: string;
  /** The heading of second rank that it stands under. */
  readonly section: string;
  /** The block labelled "answer" that comes next, if it does. */
  readonly answer: Snippet | undefined;
}

/** Every fenced block of the page, top to bottom, with the answers attached to what they answer. */
export function readSnippets(markdown: string): readonly Snippet[] {
  const snippets: Snippet[] = [];
  for (const block of readBlocks(markdown)) {
    if (block.label !== "answer") {
      snippets.push(block);
      continue;
    }
    const asked = snippets.pop();
    if (asked === undefined || asked.answer !== undefined) {
      throw new Error(`Line ${block.line}: an answer without a snippet before it.`);
    }
    snippets.push({ ...asked, answer: block });
  }
  return snippets;
}

function readBlocks(markdown: string): readonly Snippet[] {
  const blocks: Snippet[] = [];
  const lines = markdown.split("\n");
  let section = "";
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index]!;
    section = /^## (.+)$/.exec(line)?.[1] ?? section;
    if (!/^\s*(```|~~~)/.test(line)) continue;
    const fence = /^```(\S+) ?(.*)$/.exec(line);
    const end = lines.indexOf("```", index + 1);
    // A block of another form would be shown to readers and tried by nobody.
    if (fence === null || end < 0) throw new Error(`Line ${index + 1}: not a fence of our form.`);
    blocks.push({
      line: index + 1,
      language: fence[1]!,
      label: fence[2]!,
      text: lines.slice(index + 1, end).join("\n"),
      section,
      answer: undefined,
    });
    index = end;
  }
  return blocks;
}

/** The commands of a shell snippet, each on one line: a backslash at the end of a line joins the next. */
export function commandsOf({ text }: Pick<Snippet, "text">): readonly string[] {
  return text.replace(/\\\n\s*/g, "").split("\n");
}
