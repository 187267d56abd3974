/** A value that tells its readers when it changes. */
export interface Observable<Value> {
  get(): Value;
  /** Calls the listeners when the value differs from the one before. */
  set(value: Value): void;
  subscribe(listener: (value: Value) => void): void;
}

export function createObservable<Value>(initial: Value): Observable<Value> {
  let current = initial;
  const listeners: ((value: Value) => void)[] = [];
  return {
    get: () => current,
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const listener of listeners) listener(value);
    },
    subscribe(listener) {
      listeners.push(listener);
    },
  };
}
