/** Whether a version such as 7.0.15 or v20.19.0-rc.1 is this one or a later one; undefined where it names no numbers. */
export function isAtLeastVersion(
  version: string,
  major: number,
  minor: number,
): boolean | undefined {
  const numbers = /^v?(\d+)(?:\.(\d+))?/.exec(version);
  if (numbers === null) return undefined;
  const [theMajor, theMinor] = [Number(numbers[1]), Number(numbers[2] ?? 0)];
  return theMajor > major || (theMajor === major && theMinor >= minor);
}
