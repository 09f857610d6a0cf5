/** A share in whole percent, for people. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
