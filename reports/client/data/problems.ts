import type { DataPageData } from "../../data-page-data.ts";
import { element } from "../element.ts";

const TITLES = { error: "Error", warning: "Warning", remark: "Note" } as const;

/** What is to be mended, looked at, or known. */
export function problemList(problems: DataPageData["problems"]): readonly HTMLElement[] {
  if (problems.length === 0) return [];
  return [
    element(
      "ul",
      { class: "problems panel", "aria-label": "Problems" },
      problems.map(({ severity, text }) =>
        element("li", { class: severity }, [element("strong", {}, [TITLES[severity]]), ` ${text}`]),
      ),
    ),
  ];
}
