/** The revisions of MCP that begin with a handshake, newest first; the SDK speaks all of them. */
export const supportedVersions: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07",
];
