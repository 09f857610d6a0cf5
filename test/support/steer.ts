/** Decides one call of a steered port: make it with `proceed`, before, after or never. */
export type Steering = (
  proceed: () => Promise<unknown>,
  args: readonly unknown[],
  method: string,
) => Promise<unknown>;

export interface Steered<P extends object> {
  readonly port: P;
  /** From now on each call of `method` goes through `steering`; undefined lets it pass again. */
  on(method: keyof P & string, steering: Steering | undefined): void;
  /** Each call of any method goes through this one first. */
  onEvery(steering: Steering | undefined): void;
}

/**
 * A port whose calls a test can delay, refuse, or put other work between, and which writes each call into `calls` as
 * "name.method". Every method of the port must return a promise.
 */
export function steer<P extends object>(name: string, port: P, calls: string[]): Steered<P> {
  const steerings = new Map<string, Steering>();
  let every: Steering | undefined;
  const call = async (method: string, args: readonly unknown[], make: () => Promise<unknown>) => {
    calls.push(`${name}.${method}`);
    const one = steerings.get(method);
    const steered = one === undefined ? make : () => one(make, args, method);
    return every === undefined ? steered() : every(steered, args, method);
  };
  return {
    port: new Proxy(port, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) =>
          call(
            String(property),
            args,
            () => Reflect.apply(member, target, args) as Promise<unknown>,
          );
      },
    }),
    on(method, steering) {
      if (steering === undefined) steerings.delete(method);
      else steerings.set(method, steering);
    },
    onEvery(steering) {
      every = steering;
    },
  };
}

/** A promise that the test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
