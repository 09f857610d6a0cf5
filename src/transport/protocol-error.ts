/** JSON-RPC's own numbers, and those MCP and its SDKs have added. */
export const PROTOCOL_ERRORS = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  /** What the SDKs use for refusals on the level of HTTP. */
  refused: -32_000,
  sessionNotFound: -32_001,
  unsupportedProtocolVersion: -32_022,
} as const;

/** A request that MCP answers with a JSON-RPC error instead of a result. */
export class ProtocolError extends Error {
  readonly kind: keyof typeof PROTOCOL_ERRORS;
  /** The SDK copies a numeric `code` and the `data` into its answer. */
  readonly code: number;
  readonly data: object | undefined;

  constructor(kind: keyof typeof PROTOCOL_ERRORS, message: string, data?: object) {
    super(message);
    this.name = "ProtocolError";
    this.kind = kind;
    this.code = PROTOCOL_ERRORS[kind];
    this.data = data;
  }
}
