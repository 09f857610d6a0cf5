/** Why the demonstration does not begin, in words for people. */
export class CannotRun extends Error {}
