import { element } from "../../reports/client/index.ts";
import type { Reply } from "../reply-message.ts";
import type { SceneWay } from "../scene-in-way.ts";
import { canOpen, type OfferedWay, offeredWays } from "./offered-ways.ts";
import type { ShownAnswer } from "./shown-answer.ts";
import { waysSection } from "./ways-section.ts";

type Pair = readonly [one: number, other: number];
type WaysReply = Extract<Reply, { readonly ways: unknown } | { readonly error: string }>;

/** Two ways of the answer that is shown, side by side; which two, a person says. */
export interface WaysPanel {
  readonly node: HTMLElement;
  /** Another answer, with other ways. */
  offer(answer: ShownAnswer): void;
  /** A way beside that of the answer. */
  open(way: OfferedWay): void;
  show(reply: WaysReply): void;
}

/** `ask`: two ways are wanted. */
export function createWaysPanel(ask: (ways: readonly [one: SceneWay, other: SceneWay]) => void): WaysPanel {
  const content = element("div", { role: "status" });
  const picker = element("div", { class: "ways-picker" });
  const node = element("div", { class: "ways" }, [picker, content]);
  let offered: readonly OfferedWay[] = [];

  const choose = (pair: Pair): void => {
    picker.replaceChildren(
      ...(["A", "B"] as const).map((name, side) => {
        const id = `way-${name.toLowerCase()}`;
        const select = element(
          "select",
          { id },
          offered.map((way, index) => element("option", { value: `${index}` }, [way.name])),
        );
        select.value = `${pair[side]}`;
        select.addEventListener("change", () => {
          const chosen = Number(select.value);
          choose(side === 0 ? [chosen, pair[1]] : [pair[0], chosen]);
          document.getElementById(id)?.focus();
        });
        return element("label", { for: id }, [`${name} `, select]);
      }),
    );
    content.replaceChildren(element("p", { class: "note" }, ["The two ways are being simulated …"]));
    ask([offered[pair[0]]!.way, offered[pair[1]]!.way]);
  };
  return {
    node,
    offer(answer) {
      offered = offeredWays(answer).filter(canOpen);
      picker.replaceChildren();
      content.replaceChildren();
    },
    open({ way }) {
      choose([0, offered.findIndex((each) => each.way === way)]);
      node.scrollIntoView({ block: "start" });
    },
    show(reply) {
      content.replaceChildren(
        "ways" in reply ? waysSection(reply.ways) : element("p", { class: "note" }, [reply.error]),
      );
    },
  };
}
