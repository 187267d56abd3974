/** Today's date as documents hold it: `2026-11-25`, in UTC. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
