/** What is there at once of a device of this process, and a message later of one of another rank. */
export type Later<T> = T | Promise<T>;

/** What comes of all of them: at once where all are there, so that what follows keeps its place in time. */
export function whenAllThere<T, R>(values: readonly Later<T>[], use: (values: readonly T[]) => R): Later<R> {
  if (values.some((value) => value instanceof Promise)) return Promise.all(values).then(use);
  return use(values as readonly T[]);
}
