/** The port itself, but for the methods that are planted in place of its own. */
export function standIn<Port extends object>(port: Port, planted: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, property) {
      if (property in planted) return Reflect.get(planted, property) as unknown;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}
