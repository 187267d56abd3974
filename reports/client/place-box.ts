/** Pixels between the pointer and a box, and between a box and the window's edge at least. */
const OFFSET = 16;
const EDGE = 4;

/** Puts a box that is shown beside the pointer, inside the window: above it where that is asked for or there is no room. */
export function placeBox(
  box: HTMLElement,
  { x, y, side }: { readonly x: number; readonly y: number; readonly side?: "above" | "below" },
): void {
  const { width, height } = box.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const isRight = x + OFFSET + width < clientWidth;
  const [above, below] = [y - OFFSET - height, y + OFFSET];
  const isAbove = side === "above" ? above >= 0 : below + height > clientHeight;
  box.style.left = `${Math.max(EDGE, isRight ? x + OFFSET : x - OFFSET - width)}px`;
  box.style.top = `${Math.max(EDGE, isAbove ? above : below)}px`;
}
