/** Tells when the page is about to be put on paper, and when it is back on the screen. */
export function onPaper(change: (isOnPaper: boolean) => void): void {
  addEventListener("beforeprint", () => change(true));
  addEventListener("afterprint", () => change(false));
}

/** A part that is closed until somebody opens it is open on paper, where nobody can. */
export function openOnPaper(details: HTMLDetailsElement): HTMLDetailsElement {
  let wasOpen = details.open;
  onPaper((isOnPaper) => {
    if (isOnPaper) wasOpen = details.open;
    details.open = isOnPaper || wasOpen;
  });
  return details;
}

/** Charts are drawn for the window: on paper they are as narrow as it needs. What else prepares for paper does so before. */
export function scaleChartsOnPaper(): void {
  const charts = (): NodeListOf<SVGSVGElement> => document.querySelectorAll('svg[width="100%"]');
  onPaper((isOnPaper) => {
    for (const chart of charts()) {
      if (isOnPaper) {
        chart.setAttribute("viewBox", `0 0 ${chart.clientWidth} ${chart.clientHeight}`);
        chart.style.maxWidth = `${chart.clientWidth}px`;
      } else {
        chart.removeAttribute("viewBox");
        chart.style.maxWidth = "";
      }
    }
  });
}
