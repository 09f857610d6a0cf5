/** Hears the answer of one method, and what it was asked. */
type Watcher<Method> = Method extends (...args: infer Args) => Promise<infer Answer>
  ? (answer: Answer, ...args: Args) => void
  : never;

export type Watchers<Port> = { readonly [Name in keyof Port]?: Watcher<Port[Name]> };

/**
 * The port, of which some methods are listened to. Whoever calls it gets the very promise that the port gave, so
 * listening delays nobody and hides no error. `instead` stands in for properties.
 */
export function watchPort<Port extends object>(
  port: Port,
  watchers: Watchers<Port>,
  instead: Partial<Port> = {},
): Port {
  const methods = new Map<PropertyKey, unknown>(Object.entries(instead));
  return new Proxy(port, {
    get(target, property) {
      const known = methods.get(property);
      if (known !== undefined) return known;
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      const heard = (watchers as Readonly<Record<PropertyKey, unknown>>)[property];
      const method =
        typeof heard === "function"
          ? (...args: unknown[]) => {
              const answer = Reflect.apply(member, target, args) as Promise<unknown>;
              const hear = (value: unknown) => {
                try {
                  Reflect.apply(heard, undefined, [value, ...args]);
                } catch {
                  // What was done is done; who listens cannot make it fail.
                }
              };
              answer.then(hear, ignore);
              return answer;
            }
          : (...args: unknown[]): unknown => Reflect.apply(member, target, args);
      methods.set(property, method);
      return method;
    },
  });
}

/** A failure is told to the caller, who has the same promise. */
function ignore(): void {}
