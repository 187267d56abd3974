/** "1 device", "2 devices", "12 345 devices" where `number` says so: a count with its noun, for people. */
export function counted(count: number, noun: string, number: (count: number) => string = String): string {
  return `${number(count)} ${noun}${count === 1 ? "" : /(?:s|x|sh|ch)$/.test(noun) ? "es" : "s"}`;
}
