import { element } from "../../reports/client/index.ts";
import { fieldProblem } from "../check-scene.ts";
import type { Field, NumberField, SceneChoices } from "../scene-fields.ts";

export interface InputFacts {
  readonly id: string;
  readonly field: Field;
  readonly value: unknown;
  readonly choices: SceneChoices;
  /** The largest number that means something now, of a field that is chosen from a list. */
  readonly most?: number | undefined;
  /** What a value is called, where not by its own name. */
  readonly nameOf?: ((value: string | number) => string) | undefined;
  readonly onChange: (value: unknown) => void;
  /** It has an impossible value, which its `data-expected` names. */
  readonly onProblem: () => void;
}

type Input = HTMLInputElement | HTMLSelectElement;

/** Numbers that stand in a list beside its words: all up to some, and of larger ones the powers of two. */
function listedNumbers({ least, most }: NumberField, limit: number | undefined): readonly number[] {
  const last = Math.min(most, limit ?? most);
  const all = Array.from({ length: Math.max(0, Math.min(last, 16) - least + 1) }, (_, index) => least + index);
  for (let next = 32; next <= last; next *= 2) all.push(next);
  return all;
}

function selectOf(values: readonly (string | number)[], { id, value, nameOf, onChange }: InputFacts): Input {
  const shown = values.includes(value as string) ? values : [...values, value as string];
  const select = element(
    "select",
    { id },
    shown.map((each) => element("option", { value: `${each}` }, [nameOf?.(each) ?? `${each}`])),
  );
  select.value = `${value}`;
  select.addEventListener("input", () => onChange(shown.find((each) => `${each}` === select.value)));
  return select;
}

/** A wrong value is marked and said instead of asked about. */
function typedInput(facts: InputFacts, attributes: Readonly<Record<string, string>>, read: (text: string) => unknown) {
  const { id, field, value, choices, onChange, onProblem } = facts;
  const problem = element("span", { class: "problem", id: `${id}-problem` });
  const input = element("input", { id, ...attributes, value: `${value}` });
  input.addEventListener("input", () => {
    const given = read(input.value);
    const wrong = fieldProblem(field, given, choices);
    problem.textContent = wrong === undefined ? "" : `Expected ${wrong}.`;
    if (wrong === undefined) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
      onChange(given);
    } else {
      input.dataset["expected"] = wrong;
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", problem.id);
      onProblem();
    }
  });
  return { input, problem };
}

/** Of a field for numbers: up and down go by its step, within its bounds. */
function stepByKeys(input: HTMLInputElement, { least, most, step }: NumberField): void {
  input.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowUp" ? step : event.key === "ArrowDown" ? -step : 0;
    const next = Number((Number(input.value) + by).toPrecision(12));
    if (by === 0 || Number.isNaN(next)) return;
    event.preventDefault();
    input.value = `${Math.min(most, Math.max(least, next))}`;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** A field with its label, as a person changes it. */
export function fieldInput(facts: InputFacts): HTMLElement {
  const { id, field, choices, value, onChange } = facts;
  const label = element("label", { for: id }, [field.label]);
  const framed = (input: Input, problem?: HTMLElement): HTMLElement =>
    element("div", { class: "field" }, [label, input, problem]);
  switch (field.kind) {
    case "choice":
      return framed(selectOf(field.from === undefined ? (field.words ?? []) : choices[field.from], facts));
    case "flag": {
      const input = element("input", { id, type: "checkbox" });
      input.checked = value === true;
      input.addEventListener("input", () => onChange(input.checked));
      return element("div", { class: "field field-flag" }, [input, label]);
    }
    case "name": {
      const { input, problem } = typedInput(facts, { type: "text", maxlength: "60" }, (text) => text);
      return framed(input, problem);
    }
    case "list": {
      const { input, problem } = typedInput(facts, { type: "text", placeholder: "planner's choice" }, (text) =>
        text.replaceAll(/\s/g, ""),
      );
      return framed(input, problem);
    }
    case "number": {
      if (field.words !== undefined)
        return framed(selectOf([...field.words, ...listedNumbers(field, facts.most)], facts));
      // No `type: "number"`: browsers drop a comma that is typed there, and 3,2 would be 32.
      const attributes = { type: "text", inputmode: field.step === 1 ? "numeric" : "decimal", autocomplete: "off" };
      const { input, problem } = typedInput(facts, attributes, (text) => (text.trim() === "" ? text : Number(text)));
      stepByKeys(input, field);
      return framed(input, problem);
    }
  }
}
