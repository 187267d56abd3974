import { type ScaleLinear, scaleLinear, select, zoom, zoomIdentity } from "d3";

/** The stretch of time that all timelines show, with the gestures that move it. */
export interface TimeWindow {
  /** Nanoseconds to pixels within the element, for the window of the moment. */
  scale(): ScaleLinear<number, number>;
  domain(): readonly [number, number];
  show(startNs: number, endNs: number): void;
  zoomBy(factor: number): void;
  /** By a fraction of the window; positive is later. */
  panBy(fraction: number): void;
  reset(): void;
  /** Makes the whole time another; a window that shows all of it goes on doing so, and another one stays. */
  grow(fullNs: number): void;
  /** Called after every change of window or width. */
  onChange(listener: () => void): void;
}

/** Pixels between the element's edges and the drawn time. */
export interface Gutters {
  readonly left: number;
  readonly right: number;
}

/** Whether the wheel zooms by itself, or beside Ctrl or Shift, where it scrolls otherwise. */
export type Wheel = "zooms" | "scrolls";

/** Wheel and pinch zoom, drag pans, double click resets; one window of at least 200 ns. */
export function createTimeWindow(
  target: HTMLElement,
  startingNs: number,
  gutters: Gutters,
  wheel: Wheel = "zooms",
): TimeWindow {
  let fullNs = startingNs;
  const base = scaleLinear().domain([0, fullNs]);
  const listeners: (() => void)[] = [];
  let current = base.copy();
  const behaviour = zoom<HTMLElement, unknown>()
    .scaleExtent([1, Math.max(1, fullNs / 200)])
    .filter((event: MouseEvent) => {
      if (event.type !== "wheel") return !event.ctrlKey && event.button === 0;
      return wheel === "zooms" || event.ctrlKey || event.shiftKey;
    })
    .on("zoom", (event) => {
      current = event.transform.rescaleX(base);
      for (const listener of listeners) listener();
    });
  const selection = select(target);
  const domain = (): readonly [number, number] => {
    const [start, end] = current.domain();
    return [start!, end!];
  };
  const show = (startNs: number, endNs: number): void => {
    const span = Math.max(endNs - startNs, 200);
    const start = Math.max(0, Math.min(startNs, fullNs - span));
    const k = Math.max(1, fullNs / span);
    const [left] = base.range();
    const transform = zoomIdentity.translate(k === 1 ? 0 : left! - k * base(start), 0).scale(k);
    behaviour.transform(selection, transform);
  };
  const resize = (): void => {
    const [start, end] = domain();
    const right = Math.max(gutters.left + 50, target.clientWidth - gutters.right);
    base.range([gutters.left, right]);
    behaviour
      .extent([
        [gutters.left, 0],
        [right, 1],
      ])
      .translateExtent([
        [gutters.left, Number.NEGATIVE_INFINITY],
        [right, Number.POSITIVE_INFINITY],
      ]);
    show(start, end);
  };
  const reset = (): void => show(0, fullNs);
  selection.call(behaviour).on("dblclick.zoom", reset);
  new ResizeObserver(resize).observe(target);
  const zoomBy = (factor: number): void => {
    const [start, end] = domain();
    const [middle, half] = [(start + end) / 2, Math.min(fullNs, (end - start) / factor) / 2];
    show(middle - half, middle + half);
  };
  return {
    scale: () => current,
    domain,
    show,
    zoomBy,
    panBy(fraction) {
      const [start, end] = domain();
      show(start + fraction * (end - start), end + fraction * (end - start));
    },
    reset,
    grow(nextNs) {
      const [start, end] = domain();
      const isWhole = end - start >= (1 - 1e-9) * fullNs;
      fullNs = nextNs;
      base.domain([0, fullNs]);
      behaviour.scaleExtent([1, Math.max(1, fullNs / 200)]);
      if (isWhole) reset();
      else show(start, end);
    },
    onChange: (listener) => listeners.push(listener),
  };
}
