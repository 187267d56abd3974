/** A list whose items may be made when they are asked for; an array is one. */
export interface LazyList<Item> extends Iterable<Item> {
  readonly length: number;
  /** As that of an array: undefined outside of the list, counted from its end where negative. */
  at(index: number): Item | undefined;
  slice(start?: number, end?: number): LazyList<Item>;
}

/** A list of so many items, each made anew whenever it is asked for. */
export function lazyList<Item>(length: number, make: (index: number) => Item): LazyList<Item> {
  const placeOf = (index: number): number => (index < 0 ? Math.max(0, length + index) : Math.min(index, length));
  return {
    length,
    at(index) {
      const place = index < 0 ? length + index : index;
      return place >= 0 && place < length ? make(place) : undefined;
    },
    slice(start = 0, end = length) {
      const first = placeOf(start);
      return lazyList(Math.max(0, placeOf(end) - first), (index) => make(first + index));
    },
    *[Symbol.iterator]() {
      for (let index = 0; index < length; index += 1) yield make(index);
    },
  };
}
