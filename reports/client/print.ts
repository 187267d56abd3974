/** Charts are drawn for the window: on paper they are as narrow as it needs. What else prepares for paper does so before. */
export function scaleChartsOnPaper(): void {
  const charts = (): NodeListOf<SVGSVGElement> => document.querySelectorAll('svg[width="100%"]');
  addEventListener("beforeprint", () => {
    for (const chart of charts()) {
      chart.setAttribute("viewBox", `0 0 ${chart.clientWidth} ${chart.clientHeight}`);
      chart.style.maxWidth = `${chart.clientWidth}px`;
    }
  });
  addEventListener("afterprint", () => {
    for (const chart of charts()) {
      chart.removeAttribute("viewBox");
      chart.style.maxWidth = "";
    }
  });
}
