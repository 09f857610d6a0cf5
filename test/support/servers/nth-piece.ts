/** For `holdAt`: says yes to the piece that is the n-th of its kind. */
export function nthPiece(n: number, isIt: (piece: Buffer) => boolean): (piece: Buffer) => boolean {
  let seen = 0;
  return (piece) => {
    if (!isIt(piece)) return false;
    seen += 1;
    return seen === n;
  };
}
