import { PROTOCOL_ERRORS } from "../protocol-error.ts";

interface RefusalDetail {
  /** What the client should do instead. */
  readonly hint?: string;
  /** The data of a JSON-RPC error, where it has some of its own. */
  readonly data?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that HTTP refuses before, or instead of, a JSON-RPC answer of its own. */
export class Refusal extends Error {
  readonly status: number;
  readonly kind: keyof typeof PROTOCOL_ERRORS;
  readonly data: object | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    kind: keyof typeof PROTOCOL_ERRORS,
    message: string,
    { hint, data, headers = {} }: RefusalDetail = {},
  ) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.kind = kind;
    this.data = hint === undefined ? data : { hint, ...data };
    this.headers = headers;
  }

  /** The body: a JSON-RPC error, so that an MCP client can show its message. */
  toJSON(): object {
    return {
      jsonrpc: "2.0",
      id: null,
      error: {
        code: PROTOCOL_ERRORS[this.kind],
        message: this.message,
        ...(this.data === undefined ? {} : { data: this.data }),
      },
    };
  }
}
