import { element } from "../../reports/client/index.ts";

/** Calibrations have some thousand lines; what is larger is another file. */
const MOST_BYTES = 2 ** 24;

/** Where a person chooses a calibration file, whose text is handed on; the worker says what is wrong with it. */
export function calibrationInput(onText: (text: string) => void): HTMLElement {
  const problem = element("span", { class: "problem", id: "calibration-file-problem" });
  const input = element("input", { id: "calibration-file", type: "file", accept: ".json,.yaml,.yml" });
  const say = (text: string): void => {
    problem.textContent = text;
    if (text === "") {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    } else {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", problem.id);
    }
  };
  // A file that was written anew is another one, though it has the same name.
  input.addEventListener("click", () => {
    input.value = "";
  });
  input.addEventListener("input", () => {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    if (file.size > MOST_BYTES) {
      say("Expected a calibration of at most 16 MiB.");
      return;
    }
    file.text().then(
      (text) => {
        say("");
        onText(text);
      },
      () => say("The browser cannot read this file."),
    );
  });
  const label = element("label", { for: input.id }, ["Calibration file"]);
  return element("div", { class: "field field-wide" }, [label, input, problem]);
}
