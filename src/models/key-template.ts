import { BsonScalar, type FieldRecord, type FieldValue, fieldAt } from "../model/field-value.ts";
import { checkWellFormed, RESERVED_PREFIX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { IdForm, IdType } from "../store/model-documents-port.ts";

/** How long a template may be, characters. */
export const KEY_TEMPLATE_MAX = 1024;

/** What a key says about its document: the text of each field it is made of. */
export type KeyParts = ReadonlyMap<string, string>;

/** What a key is made of: text, an id of a type that has a form, or a field that may hold anything without these signs. */
export type KeyPiece =
  | { readonly literal: string }
  | { readonly idType: Exclude<IdType, "string"> }
  | { readonly without: readonly string[] };

/** The form that an id has in a key. */
const FORMS: Readonly<Record<Exclude<IdType, "string">, string>> = {
  objectId: "[0-9a-f]{24}",
  uuid: "[0-9a-f]{8}(?:\\x2d[0-9a-f]{4}){3}\\x2d[0-9a-f]{12}",
  number: "\\x2d?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:e[+\\x2d]\\d+)?",
};

/** Keys that begin so are others': the server's own, and the locks of models and applications. */
const TAKEN_PREFIXES = [
  { prefix: RESERVED_PREFIX, owner: "the server" },
  { prefix: "lock:", owner: "locks, as lock:<model>:<id>" },
];

/** Those of them that stand in the text of a template part its fields, which therefore hold none. */
const SEPARATORS = [":", "/", "|", "#", ";"];

/**
 * The form of a model's keys: literal text and fields in braces, as in `tenant:{tenantId}:user:{_id}`. A field may be a
 * dotted path. Renders the key of a document, and reads the fields back from a key.
 *
 * A key can be read in one way only, and only keys of exactly this form are the model's: the id has the form of its type,
 * and other fields hold none of the template's separators, so that `user:{_id}` takes neither `user:count` nor
 * `user:5:posts` for its own (the first of them would need text ids). A document whose fields cannot be written so has no key.
 */
export class KeyTemplate {
  readonly text: string;
  readonly id: IdForm;
  /** In the order in which they stand in the key. */
  readonly fields: readonly string[];
  /** From the first sign of a key to its last; its texts may be empty. */
  readonly pieces: readonly KeyPiece[];
  readonly #literals: readonly string[];
  readonly #form: RegExp;

  /** Error: INPUT_INVALID, whose message is the rule that the text breaks. */
  constructor(text: string, id: IdForm) {
    const { literals, fields } = split(text);
    checkLiterals(text, literals, fields);
    if (!fields.includes(id.field)) {
      throw refuse(text, `the id must stand in it, as {${id.field}}`);
    }
    this.text = text;
    this.id = id;
    this.fields = fields;
    this.#literals = literals;
    this.pieces = literals.flatMap((literal, at): readonly KeyPiece[] => {
      const field = fields[at];
      if (field === undefined) return [{ literal }];
      if (field === id.field && id.type !== "string") return [{ literal }, { idType: id.type }];
      return [{ literal }, { without: excludedFrom(literals, literals[at + 1] ?? "") }];
    });
    this.#form = new RegExp(`^${this.pieces.map(formOf).join("")}$`, "su");
  }

  /** The key of a document; undefined where a field is missing or cannot be written so that the key reads back as it. */
  keyOf(document: FieldRecord): string | undefined {
    const { field: idField, type } = this.id;
    const texts = new Map<string, string>();
    for (const field of this.fields) {
      const value = fieldAt(document, field);
      const text = keyTextOf(value);
      if (text === undefined || (field === idField && !isOfType(value, type))) return undefined;
      texts.set(field, text);
    }
    const key = this.#literals
      .map((literal, at) => literal + (texts.get(this.fields[at] ?? "") ?? ""))
      .join("");
    if (!key.isWellFormed()) return undefined;
    const read = this.parse(key);
    return read !== undefined && this.fields.every((field) => read.get(field) === texts.get(field))
      ? key
      : undefined;
  }

  /** The fields of a key that has this form from its first to its last character; undefined for any other key. */
  parse(key: string): KeyParts | undefined {
    const match = this.#form.exec(key);
    if (match === null) return undefined;
    return new Map(this.fields.map((field, at) => [field, match[at + 1] ?? ""]));
  }

  /** The pattern with which Redis finds the keys of this form, and others that {@link parse} tells apart. */
  get pattern(): string {
    return this.#literals.map((literal) => literal.replaceAll(/[\\*?[\]^-]/g, "\\$&")).join("*");
  }
}

/** How a field is written in a key; undefined for what has no such form (null, Dates, lists, records). */
export function keyTextOf(value: FieldValue | undefined): string | undefined {
  if (value instanceof BsonScalar) {
    const hasText = value.kind === "objectId" || value.kind === "uuid" || value.kind === "long";
    return hasText ? value.text : undefined;
  }
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : undefined;
  if (typeof value === "boolean") return String(value);
  return undefined;
}

function isOfType(value: FieldValue | undefined, type: IdType): boolean {
  if (value instanceof BsonScalar)
    return value.kind === type || (value.kind === "long" && type === "number");
  return typeof value === type;
}

function split(text: string): { readonly literals: string[]; readonly fields: string[] } {
  const literals: string[] = [];
  const fields: string[] = [];
  let rest = text;
  for (let open = rest.indexOf("{"); open >= 0; open = rest.indexOf("{")) {
    const close = rest.indexOf("}", open);
    const field = close < 0 ? "" : rest.slice(open + 1, close);
    if (!/^[^{}\s$.]+(?:\.[^{}\s$.]+)*$/.test(field)) {
      throw refuse(text, "each { must begin the name of a field and be closed by }");
    }
    literals.push(rest.slice(0, open));
    fields.push(field);
    rest = rest.slice(close + 1);
  }
  literals.push(rest);
  return { literals, fields };
}

function checkLiterals(text: string, literals: readonly string[], fields: readonly string[]): void {
  checkWellFormed("key", text);
  if (literals.some((literal) => literal.includes("}"))) throw refuse(text, "a } lacks its {");
  if (fields.length === 0) throw refuse(text, "name at least one field, as in user:{_id}");
  if (new Set(fields).size < fields.length) throw refuse(text, "each field may stand in it once");
  if (literals.slice(1, -1).includes("")) {
    throw refuse(text, "put text between two fields, or no key could be read back");
  }
  const [prefix = ""] = literals;
  if (prefix === "") throw refuse(text, "begin it with text, or every key of Redis would match");
  for (const taken of TAKEN_PREFIXES) {
    if (!prefix.startsWith(taken.prefix) && !taken.prefix.startsWith(prefix)) continue;
    throw refuse(text, `keys that begin with ${taken.prefix} belong to ${taken.owner}`);
  }
}

function refuse(text: string, rule: string): LockstepError {
  return new LockstepError(
    "INPUT_INVALID",
    `${JSON.stringify(text)} is not a key template: ${rule}`,
  );
}

/** What a field does not hold: the template's separators, and the beginning of the literal that follows. */
function excludedFrom(literals: readonly string[], next: string): readonly string[] {
  const parts = SEPARATORS.filter((sign) => literals.some((text) => text.includes(sign)));
  return [...parts, ...(next === "" ? [] : [firstOf(next)])];
}

/** A piece of a regular expression; of a field, with its text as a group. */
function formOf(piece: KeyPiece): string {
  if ("literal" in piece) return escapeForm(piece.literal);
  if ("idType" in piece) return `(${FORMS[piece.idType]})`;
  const { without } = piece;
  return without.length === 0 ? "(.+)" : `([^${without.map(escapeForm).join("")}]+)`;
}

/** By code point, since the literal may begin with a surrogate pair. */
function firstOf(literal: string): string {
  return String.fromCodePoint(literal.codePointAt(0) ?? 0);
}

function escapeForm(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replaceAll("-", "\\x2d");
}
