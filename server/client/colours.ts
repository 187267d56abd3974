const colours = new Map<string, number>();

/** The colour of a job, in whichever of the page's lists it is: by the order in which jobs were first seen. */
export function colourOf(name: string): number {
  if (!colours.has(name)) colours.set(name, colours.size);
  return colours.get(name)!;
}
