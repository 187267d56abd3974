import { counted } from "../../../core/index.ts";
import type { PageFate, PageRow, PageSource } from "../../data-page-data.ts";
import { element } from "../element.ts";
import { formatNumber, formatShare } from "../format.ts";
import { card } from "../header-parts.ts";
import { lengthsChart } from "./lengths-chart.ts";
import { tokensOf } from "./tokens.ts";

/** What becomes of rows, in the order of the buttons. */
const FATES: Readonly<Record<PageFate, string>> = {
  trained: "trained whole",
  cut: "cut",
  dropped: "dropped",
  unscored: "left out",
  refused: "refused",
};

/** Rows that are drawn at once. */
const PAGE = 20;

function fatesOf({ refused, sequences }: PageRow): readonly PageFate[] {
  return refused === null ? sequences.map(({ fate }) => fate) : ["refused"];
}

function rowElement(row: PageRow): HTMLElement {
  const body =
    row.refused === null
      ? row.sequences.flatMap((sequence) => {
          const name = sequence.name === null ? row.at : `${row.at}, ${sequence.name}`;
          return [
            element("p", { class: "sequence" }, [
              ...(sequence.name === null ? [] : [element("strong", {}, [sequence.name]), " "]),
              element("span", { class: `fate fate-${sequence.fate}` }, [FATES[sequence.fate]]),
              ` ${sequence.summary}`,
            ]),
            tokensOf(sequence, name),
          ];
        })
      : [
          element("p", { class: "sequence" }, [element("span", { class: "fate fate-refused" }, [FATES.refused])]),
          element("pre", { class: "refusal" }, [row.refused]),
        ];
  return element("article", { class: "row panel" }, [element("h4", {}, [row.at]), ...body]);
}

/** The rows with buttons that choose among them. */
function rowList({ rows, counts, name }: PageSource): readonly HTMLElement[] {
  const present = (Object.keys(FATES) as PageFate[]).filter((fate) => counts[fate] > 0);
  const total = present.reduce((count, fate) => count + counts[fate], 0);
  const list = element("div", { class: "rows" });
  const shown = element("p", { class: "hint", "aria-live": "polite" });
  const more = element("button", { type: "button" });
  let chosen: readonly PageRow[] = rows;
  let drawn = 0;
  const drawMore = (): void => {
    list.append(...chosen.slice(drawn, drawn + PAGE).map(rowElement));
    drawn = Math.min(chosen.length, drawn + PAGE);
    const left = chosen.length - drawn;
    more.hidden = left === 0;
    more.textContent = `Show ${counted(Math.min(PAGE, left), "more row")}`;
  };
  const choose = (fate: PageFate | undefined): void => {
    chosen = fate === undefined ? rows : rows.filter((row) => fatesOf(row).includes(fate));
    drawn = 0;
    list.replaceChildren();
    const of = fate === undefined ? total : counts[fate];
    shown.textContent = `This page has ${formatNumber(chosen.length)} of ${counted(of, "row", formatNumber)}.`;
    drawMore();
  };
  const buttons = [undefined, ...present].map((fate) => {
    const text = fate === undefined ? `all ${formatNumber(total)}` : `${FATES[fate]} ${formatNumber(counts[fate])}`;
    const button = element("button", { type: "button", "aria-pressed": String(fate === undefined) }, [text]);
    button.addEventListener("click", () => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
      choose(fate);
    });
    return button;
  });
  more.addEventListener("click", drawMore);
  choose(undefined);
  return [
    element("div", { class: "toolbar", role: "group", "aria-label": `Which rows of ${name}` }, buttons),
    shown,
    list,
    more,
  ];
}

function cards({ counts, tokens, numRepeated, numTokensCut, cutoffLength }: PageSource): HTMLElement {
  const { trained, cut, dropped, unscored, refused } = counts;
  const said = (count: number, what: string): readonly string[] =>
    count === 0 ? [] : [`${formatNumber(count)} ${what}`];
  const lost = [
    ...said(refused, "refused"),
    ...said(dropped, "dropped by the cutoff"),
    ...said(unscored, "with nothing trained"),
  ];
  return element("dl", { class: "cards" }, [
    card("Rows", formatNumber(trained + cut), lost.length === 0 ? "none is lost" : `beside ${lost.join(", ")}`),
    card(
      "Tokens",
      formatNumber(tokens.all),
      numTokensCut === 0 ? "none is cut" : `${formatNumber(numTokensCut)} are cut`,
    ),
    card(
      "Trained",
      tokens.all === 0 ? "none" : formatShare(tokens.scored / tokens.all),
      `${formatNumber(tokens.scored)} tokens`,
    ),
    card(
      "A row has",
      formatNumber(tokens.p50),
      `tokens, the median; 95 of 100 have at most ${formatNumber(tokens.p95)}, the longest ${formatNumber(tokens.max)}`,
    ),
    ...(cutoffLength === null
      ? []
      : [
          card(
            "Cut",
            formatNumber(cut),
            `${cut === 1 ? "row is" : "rows are"} cut to ${formatNumber(cutoffLength)} tokens`,
          ),
        ]),
    ...(numRepeated === 0
      ? []
      : [
          card(
            "Repeated",
            formatNumber(numRepeated),
            `${numRepeated === 1 ? "row is" : "rows are"} the same as an earlier one`,
          ),
        ]),
  ]);
}

const KEYS = [
  ["token trained", "trained"],
  ["token masked", "not trained"],
  ["token masked special", "special"],
] as const;

/** All that is to be known of the rows of one file. */
export function sourceSection(source: PageSource, index: number): HTMLElement {
  const id = `source-${index}`;
  const keys = KEYS.map(([classes, text]) =>
    element("span", { class: "key" }, [element("span", { class: classes }, [text])]),
  );
  const jobs =
    source.jobs.length === 0 ? [] : [element("p", { class: "meaning" }, [`Jobs: ${source.jobs.join(", ")}.`])];
  return element("section", { id, "aria-labelledby": `${id}-title` }, [
    element("h2", { id: `${id}-title` }, [source.name]),
    ...jobs,
    cards(source),
    ...(source.lengths.counts.length === 0
      ? []
      : [element("div", { class: "panel lengths-panel" }, [lengthsChart(source)])]),
    element("h3", {}, ["Rows, token by token"]),
    element("p", { class: "keys" }, [
      ...keys,
      "A dot is a space. Point at a token, or go through them with arrow keys, for its id.",
    ]),
    ...rowList(source),
  ]);
}
