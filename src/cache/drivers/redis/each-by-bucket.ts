import { bucketOf } from "../../../model/bucket.ts";

/** Runs a step for each bucket among the keys (a script may only touch keys that live together); answers in the order asked. */
export async function eachByBucket<T>(
  keys: readonly string[],
  run: (bucket: number, batch: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const places = new Map<number, number[]>();
  keys.forEach((key, place) => {
    const bucket = bucketOf(key);
    const group = places.get(bucket);
    if (group === undefined) places.set(bucket, [place]);
    else group.push(place);
  });
  const answers: T[] = [];
  await Promise.all(
    [...places].map(async ([bucket, group]) => {
      const batch = await run(
        bucket,
        group.map((place) => keys[place] as string),
      );
      group.forEach((place, i) => {
        answers[place] = batch[i] as T;
      });
    }),
  );
  return answers;
}
