import type { FleetPageData, FleetPart } from "../../fleet-data.ts";
import { element, section } from "../element.ts";
import { factList } from "../header-parts.ts";

/** A figure of one fleet, or of two below each other. */
function card(fleets: readonly FleetPart[], index: number): HTMLElement {
  const lines = fleets.flatMap(({ title, figures }, place) => {
    const { text, detail } = figures[index]!;
    // What is the same of both is said once, below them.
    const isSaid = fleets[place + 1]?.figures[index]?.detail !== detail;
    return [
      element("span", { class: "card-line" }, [
        element("span", { class: "card-main" }, [text]),
        fleets.length > 1 ? element("span", { class: "badge" }, [title]) : undefined,
      ]),
      ...(isSaid ? [element("span", { class: "card-detail" }, [detail])] : []),
    ];
  });
  return element("div", { class: "card" }, [
    element("dt", {}, [fleets[0]!.figures[index]!.name]),
    element("dd", {}, lines),
  ]);
}

/** What was run, and its figures. */
export function fleetHeader({ title, date, facts, fleets }: FleetPageData, contents: HTMLElement): HTMLElement {
  const all = [...facts, { label: "Made", value: date }];
  return element("header", {}, [
    element("p", { class: "eyebrow" }, ["loratwin fleet"]),
    element("h1", {}, [title]),
    factList(all.map(({ label, value }) => [label, value])),
    contents,
    element(
      "dl",
      { class: "cards" },
      (fleets[0]?.figures ?? []).map((_, index) => card(fleets, index)),
    ),
  ]);
}

/** Sentences, each with what it is made of. */
export function storyPanel(story: FleetPart["story"], title?: string): HTMLElement {
  return element("div", { class: "panel story" }, [
    ...(title === undefined ? [] : [element("h3", {}, [title])]),
    ...story.flatMap(({ heading, lines }) => {
      const items = lines.map((line) => element("li", {}, [line]));
      return [element("p", {}, [heading]), ...(items.length === 0 ? [] : [element("ul", {}, items)])];
    }),
  ]);
}

/** The fleet's story in sentences. */
export function storySection(fleets: readonly FleetPart[]): HTMLElement {
  const stories = fleets.map(({ title, story }) => storyPanel(story, fleets.length > 1 ? title : undefined));
  const meaning =
    "From the journal: who waited most and who trained meanwhile, and why jobs did not train to their end.";
  return section("story", "What happened", meaning, [element("div", { class: "story-grid" }, stories)]);
}
