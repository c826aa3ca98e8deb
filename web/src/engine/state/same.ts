/** Reports whether two plain objects have the same fields with the same values, one level of objects deep. */
export function same(a: object, b: object, depth = 1): boolean {
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameValue(value, right.get(key), depth))
  );
}

function sameValue(a: unknown, b: unknown, depth: number): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  return depth > 0 && isPlain(a) && isPlain(b) && same(a, b, depth - 1);
}

/** Things of the browser, such as a MediaStream, are the same only if they are identical. */
function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
