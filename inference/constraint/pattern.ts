import { type AST, RegExpParser } from "@eslint-community/regexpp";
import { InputError } from "../../core/index.ts";
import { type CodeRange, characterOf, inverse, MOST_CODE } from "./characters.ts";
import type { Network, Part } from "./network.ts";

/** Longer ones are refused. */
const MOST_CHARACTERS = 2000;

const codes = (...texts: readonly string[]): readonly CodeRange[] =>
  texts.map((text) => [text.codePointAt(0)!, text.codePointAt(text.length - 1)!]);

/** ECMA-262's sets. */
const SETS: Readonly<Record<"any" | "digit" | "space" | "word", readonly CodeRange[]>> = {
  any: inverse(codes("\n", "\r", "\u2028\u2029")),
  digit: codes("09"),
  space: codes("\t\r", " ", "\u00a0", "\u1680", "\u2000\u200a", "\u2028\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"),
  word: codes("09", "AZ", "az", "_"),
};

function parsed(source: string, at: string): AST.Pattern {
  const hint = "Patterns are those of ECMA-262.";
  if (source.length > MOST_CHARACTERS)
    throw new InputError({ expected: `a pattern of at most ${MOST_CHARACTERS} characters`, at, got: source.length });
  const parser = new RegExpParser();
  try {
    return parser.parsePattern(source, 0, source.length, { unicode: true });
  } catch {
    try {
      // Some escapes that people write are none under the flag u.
      return parser.parsePattern(source, 0, source.length, { unicode: false });
    } catch (error) {
      throw new InputError({ expected: "a regular expression", at, got: source, hint }, { cause: error });
    }
  }
}

function refused(at: string, { raw }: AST.Node): never {
  const expected = "a pattern of characters, classes, groups, | and repetitions, with ^ and $ around alternatives";
  throw new InputError({ expected, at, got: raw });
}

function setOf(node: AST.CharacterClassElement | AST.CharacterSet, at: string): readonly CodeRange[] {
  switch (node.type) {
    case "Character":
      return [[node.value, node.value]];
    case "CharacterClassRange":
      return [[node.min.value, node.max.value]];
    case "CharacterSet": {
      if (node.kind === "property") return refused(at, node);
      const set = SETS[node.kind];
      return node.kind !== "any" && node.negate ? inverse(set) : set;
    }
    default:
      return refused(at, node);
  }
}

/** The contents of JSON strings in which a pattern finds something. @throws InputError for what is not supported */
export function patternPart(network: Network, source: string, at: string): Part {
  const anything = (): Part => network.repeat(characterOf(network, [[0, MOST_CODE]]), 0, Number.POSITIVE_INFINITY);

  const elementOf = (node: AST.Element): Part => {
    switch (node.type) {
      case "Character":
      case "CharacterSet":
        return characterOf(network, setOf(node, at));
      case "CharacterClass": {
        const set = (node.elements as readonly AST.CharacterClassElement[]).flatMap((each) => setOf(each, at));
        return characterOf(network, node.negate ? inverse(set) : set);
      }
      case "CapturingGroup":
      case "Group":
        return network.choice(node.alternatives.map(({ elements }) => network.sequence(elements.map(elementOf))));
      case "Quantifier":
        return network.repeat(elementOf(node.element), node.min, node.max);
      default:
        return refused(at, node);
    }
  };

  const wholeOf = ({ elements }: AST.Alternative): Part => {
    const isAnchor = (node: AST.Element | undefined, kind: string): boolean =>
      node?.type === "Assertion" && node.kind === kind;
    const [first, last] = [isAnchor(elements[0], "start"), isAnchor(elements.at(-1), "end")];
    const inner = elements.slice(first ? 1 : 0, last ? elements.length - 1 : elements.length).map(elementOf);
    return network.sequence([...(first ? [] : [anything()]), ...inner, ...(last ? [] : [anything()])]);
  };
  return network.choice(parsed(source, at).alternatives.map(wholeOf));
}
