import type { ChatMessage } from "../tokenizer.ts";

/** Keys of a message that templates write as thoughts before its content. */
export const THOUGHT_KEYS = ["reasoning_content", "reasoning", "thinking"] as const;

/** The first messages of a conversation as the template writes them; `isNext`: and what asks the assistant to speak. */
type Render = (messages: readonly ChatMessage[], isNext: boolean) => string;

/** A conversation as it is written, and how to write it otherwise. */
export interface Rendered {
  readonly whole: string;
  readonly messages: readonly ChatMessage[];
  readonly render: Render;
  /** Texts of the tokens that end a turn, among others. */
  readonly specialTexts: readonly string[];
}

/** Where a turn stands in the whole text. Of others than the assistant only the text is known. */
export interface LocatedTurn {
  /** Behind what asks the assistant to speak: "<|im_start|>assistant\n". */
  readonly begins: number;
  /** Where its content stands, if it stands there as the data have it. */
  readonly content: Range | undefined;
  /** Behind all that the template writes of the turn: its end token, and a line break behind that. */
  readonly ends: number;
}

type Range = readonly [start: number, end: number];

/** Where a message's texts stand. */
export interface LocatedTexts {
  readonly content: Range;
  /** Where its thought begins, else its content. */
  readonly says: number;
}

/** A character that none of the texts has: Unicode's noncharacters are for such use. */
function unusedCharacter(texts: readonly string[]): string {
  for (let code = 0xfdd0; code <= 0xfdef; code += 1) {
    const character = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(character))) return character;
  }
  return "\uffff";
}

function textOf(message: ChatMessage, key: string): string {
  const text = message[key];
  return typeof text === "string" ? text : "";
}

/** A message with marks around its texts. White space stays outside: templates that trim trim it all the same. */
function markMessage(message: ChatMessage, index: number, mark: string): ChatMessage {
  const marked = (key: string, open: string, close: string): object => {
    const text = textOf(message, key);
    const core = text.trim();
    if (core === "") return {};
    const from = text.indexOf(core);
    const around = [text.slice(0, from), text.slice(from + core.length)] as const;
    return { [key]: `${around[0]}${mark}${index}${open}${core}${mark}${index}${close}${around[1]}` };
  };
  return Object.assign({}, message, marked("content", "<", ">"), ...THOUGHT_KEYS.map((key) => marked(key, "(", ")")));
}

/**
 * Where the messages' texts stand, found by marks around all of them at once. Undefined for a text that the template
 * leaves out, changes, or writes twice, and for an empty one.
 */
export function locateTexts({ whole, messages, render }: Rendered): readonly (LocatedTexts | undefined)[] {
  const mark = unusedCharacter([whole, ...messages.flatMap((own) => Object.keys(own).map((key) => textOf(own, key)))]);
  let written: string;
  try {
    written = render(
      messages.map((message, index) => markMessage(message, index, mark)),
      false,
    );
  } catch {
    return messages.map(() => undefined);
  }
  /** For each message where marks of each kind stand in the text without marks. */
  const found = messages.map(() => ({ "<": [] as number[], ">": [] as number[], "(": [] as number[] }));
  let plain = "";
  let from = 0;
  for (const { 0: own, 1: digits, 2: kind, index } of written.matchAll(new RegExp(`${mark}(\\d+)([<>()])`, "g"))) {
    plain += written.slice(from, index);
    from = index + own.length;
    if (kind !== ")") found[Number(digits)]?.[kind as "<" | ">" | "("].push(plain.length);
  }
  plain += written.slice(from);
  if (plain !== whole) return messages.map(() => undefined);
  return messages.map((message, index) => {
    const { "<": opens, ">": closes, "(": thoughts } = found[index]!;
    if (opens.length !== 1 || closes.length !== 1) return undefined;
    const text = textOf(message, "content");
    const core = text.trim();
    if (whole.slice(opens[0], closes[0]) !== core) return undefined;
    const before = text.slice(0, text.indexOf(core));
    const after = text.slice(before.length + core.length);
    const start = whole.endsWith(before, opens[0]) ? opens[0]! - before.length : opens[0]!;
    const end = whole.startsWith(after, closes[0]) ? closes[0]! + after.length : closes[0]!;
    return { content: [start, end], says: Math.min(start, ...thoughts) };
  });
}

/** Messages with a text that changes nothing in what is written. */
export function leftOutOf(
  { whole, messages, render }: Rendered,
  texts: readonly (LocatedTexts | undefined)[],
): readonly number[] {
  const mark = unusedCharacter([whole]);
  const cores = messages.map((message) => textOf(message, "content").trim());
  return messages.flatMap((message, index) => {
    const core = cores[index]!;
    if (texts[index] !== undefined || core === "") return [];
    // A text that no other message has is written where it stands.
    if (whole.includes(core) && !cores.some((other, at) => at !== index && other.includes(core))) return [];
    try {
      return render(messages.with(index, { ...message, content: mark }), false) === whole ? [index] : [];
    } catch {
      return [];
    }
  });
}

/** What a template writes before and behind each of the assistant's turns, as one of them shows. */
interface Frame {
  readonly asks: string;
  readonly closes: string | undefined;
}

function frameOf({ messages, render }: Rendered, index: number): Frame {
  const before = messages.slice(0, index);
  const [silent, asked] = [render(before, false), render(before, true)];
  const asks = asked.startsWith(silent) ? asked.slice(silent.length) : "";
  const text = textOf(messages[index]!, "content").trim();
  const own = render(messages.slice(0, index + 1), false);
  const at = text === "" ? -1 : own.lastIndexOf(text);
  return { asks, closes: at < 0 ? undefined : own.slice(at + text.length) };
}

/** A turn whose text the template changes: found by the conversation up to it, if more messages do not change that. */
function locateStraight({ whole, messages, render }: Rendered, index: number): LocatedTurn | undefined {
  const before = render(messages.slice(0, index), true);
  const behind = render(messages.slice(0, index + 1), false);
  if (!behind.startsWith(before) || !whole.startsWith(behind)) return undefined;
  return { begins: before.length, content: undefined, ends: behind.length };
}

/** A turn of white space or nothing: found by what the template writes if it says something else in the same place. */
function locateBlank({ whole, messages, render }: Rendered, index: number): LocatedTexts | undefined {
  const text = textOf(messages[index]!, "content");
  if (text.trim() !== "") return undefined;
  const mark = unusedCharacter([whole]);
  const [before, behind, ...more] = render(messages.with(index, { ...messages[index]!, content: mark }), false).split(
    mark,
  );
  if (before === undefined || behind === undefined || more.length > 0) return undefined;
  const written = [text, ""].find((own) => whole === `${before}${own}${behind}`);
  if (written === undefined) return undefined;
  return { content: [before.length, before.length + written.length], says: before.length };
}

/** Finds turns in a written conversation; undefined for one that the template leaves out or changes. */
export function turnLocator(
  rendered: Rendered,
  texts: readonly (LocatedTexts | undefined)[],
  isAnswer: (index: number) => boolean,
): (index: number) => LocatedTurn | undefined {
  const { whole, messages, render, specialTexts } = rendered;
  let frame: Frame | undefined;

  /** The turn begins behind what asks for it. A template that asks by nothing may put a space before the text. */
  const beginOf = (index: number, says: number, asks: string): number => {
    const most = texts.slice(0, index).findLast((one) => one !== undefined)?.content[1] ?? 0;
    if (asks.trim() !== "") {
      const at = whole.lastIndexOf(asks, says - asks.length);
      return at < most ? says : at + asks.length;
    }
    let begins = says;
    while (begins > most && whole[begins - 1] === " ") begins -= 1;
    return begins;
  };

  const endOf = (index: number, textEnd: number, closes: string | undefined): number => {
    const calls = messages[index]!["tool_calls"] !== undefined;
    if (!calls && closes !== undefined && whole.startsWith(closes, textEnd)) return textEnd + closes.length;
    const behind = render(messages.slice(0, index + 1), false);
    if (behind.length >= textEnd && whole.startsWith(behind)) return behind.length;
    return textEnd + (specialTexts.find((token) => whole.startsWith(token, textEnd))?.length ?? 0);
  };

  const turnAt = (index: number, { says, content }: LocatedTexts, { asks, closes }: Frame): LocatedTurn => ({
    begins: beginOf(index, says, asks),
    content,
    ends: endOf(index, content[1], closes),
  });

  return (index) => {
    const own = texts[index];
    if (!isAnswer(index)) {
      if (own === undefined) return undefined;
      const [begins, end] = own.content;
      const closes = specialTexts.find((token) => whole.startsWith(token, end))?.length ?? 0;
      return { begins, content: own.content, ends: end + closes };
    }
    if (own !== undefined) {
      frame ??= frameOf(rendered, index);
      return turnAt(index, own, frame);
    }
    const straight = locateStraight(rendered, index);
    const blank = straight === undefined ? locateBlank(rendered, index) : undefined;
    return blank === undefined ? straight : turnAt(index, blank, frameOf(rendered, index));
  };
}
