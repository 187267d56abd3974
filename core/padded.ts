/** The next multiple that is not below the value. */
export function padded(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
