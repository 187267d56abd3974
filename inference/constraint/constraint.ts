import { InputError } from "../../core/index.ts";
import type { TokenConstraint } from "../../exec/index.ts";
import { type Automaton, automatonOf, type Position } from "./automaton.ts";
import { SchemaReader } from "./json-schema.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Positions whose tokens are kept: strings and numbers are come back to. */
const KEPT = 64;

/** A piece of an answer: a text as it is, or a value of a JSON schema that errors name by `at`. */
export type FormPiece = string | { readonly schema: unknown; readonly at: string };

/** What an answer has to be: the pieces of one of these, one behind another. */
export type AnswerForm = readonly (readonly FormPiece[])[];

/** Reads answers of a form. @throws InputError for a schema that is not supported, or is too large */
export function formAutomaton(form: AnswerForm): Automaton {
  return automatonOf((network) => {
    const pieceOf = (piece: FormPiece) =>
      typeof piece === "string" ? network.text(piece) : new SchemaReader(network, piece.schema, piece.at).read();
    return network.choice(form.map((pieces) => network.sequence(pieces.map(pieceOf))));
  });
}

/** Texts of one form, as the tokens of a model write them. */
export class Constraint {
  readonly #vocabulary: Vocabulary;
  readonly #automaton: Automaton;
  readonly #known = new Map<Position, ReturnType<Vocabulary["allowed"]>>();

  constructor(vocabulary: Vocabulary, automaton: Automaton) {
    this.#vocabulary = vocabulary;
    this.#automaton = automaton;
  }

  #allowed(position: Position): ReturnType<Vocabulary["allowed"]> {
    const known = this.#known.get(position);
    if (known !== undefined) return known;
    const found = this.#vocabulary.allowed(this.#automaton, position);
    if (this.#known.size >= KEPT) this.#known.clear();
    this.#known.set(position, found);
    return found;
  }

  /** For one answer. @throws InputError where no text has the form, or following it takes too long */
  begin(): TokenConstraint {
    let at = this.#automaton.start();
    const allowed = () => {
      const { bits, count } = this.#allowed(at);
      if (count === 0 && !at.mayEnd)
        throw new InputError({
          expected: "a form of answer that the model's tokens can write",
          got: "one of which nothing can follow here",
        });
      return { bits, mayEnd: at.mayEnd, mayGoOn: count > 0 };
    };
    allowed();
    return {
      allowed,
      take: (token) => {
        const next = this.#vocabulary.step(this.#automaton, at, token);
        if (next !== null) at = next;
        return at.mayEnd && this.#allowed(at).count === 0;
      },
    };
  }
}
