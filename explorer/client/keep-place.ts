// What stays as it was when a part of the page is drawn anew: what a person has opened, and where the focus is.

/** Where an element is: the nearest element with an id, and from there which child of which. */
interface Place {
  readonly anchor: string;
  readonly path: readonly number[];
}

function placeOf(node: Element): Place | undefined {
  const path: number[] = [];
  for (let at: Element | null = node; at !== null; at = at.parentElement) {
    if (at.id !== "") return { anchor: at.id, path: path.reverse() };
    if (at.parentElement !== null) path.push([...at.parentElement.children].indexOf(at));
  }
  return undefined;
}

function elementAt({ anchor, path }: Place): Element | undefined {
  return path.reduce<Element | undefined>(
    (node, child) => node?.children[child],
    document.getElementById(anchor) ?? undefined,
  );
}

export interface KeptPlaces {
  /** Draws the part anew. */
  around(draw: () => void): void;
}

/** Keeps the places of a person in a part of the page whose sections and lists of sections have ids. */
export function keepPlaces(part: Element): KeptPlaces {
  /** Where the focus was before it was lost: what had it is not there in some answers, and is again in the next. */
  let lost: (Place & { readonly tag: string }) | undefined;
  return {
    around(draw) {
      const opened = [...part.querySelectorAll<HTMLDetailsElement>("details[open][id]")].map(({ id }) => id);
      const focused = document.activeElement;
      if (focused !== null && part.contains(focused)) {
        const place = placeOf(focused);
        lost = place && { ...place, tag: focused.tagName };
      } else if (focused !== document.body) lost = undefined;
      draw();
      for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
      if (lost === undefined) return;
      const node = elementAt(lost);
      if (node?.tagName === lost.tag && part.contains(node)) {
        (node as HTMLElement | SVGElement).focus({ preventScroll: true });
        lost = undefined;
      }
    },
  };
}
