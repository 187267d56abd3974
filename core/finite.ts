/** A number as JSON can have it: null for one that is not finite, or not there. */
export function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
