/** The values by key, in the order in which keys and values come. */
export function groupBy<Value, Key>(
  values: readonly Value[],
  key: (value: Value) => Key,
): ReadonlyMap<Key, readonly Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const own = key(value);
    const members = groups.get(own);
    if (members === undefined) groups.set(own, [value]);
    else members.push(value);
  }
  return groups;
}
