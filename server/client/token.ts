import { element } from "../../reports/client/index.ts";

const KEY = "loratwin-token";

/** From the address (`#token=...`, which is never sent), or as it was given before in this tab. */
export function knownToken(): string | null {
  const given = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY);
}

/** Asks the reader for the token. */
export function askForToken(root: HTMLElement): Promise<void> {
  sessionStorage.removeItem(KEY);
  const input = element("input", { type: "password", id: "token", autocomplete: "off", spellcheck: "false" });
  const button = element("button", { type: "submit" }, ["Show the fleet"]);
  const form = element("form", { class: "panel token-form" }, [
    element("label", { for: "token" }, ["The server's token, which is in the file `token` of its run folder"]),
    input,
    button,
  ]);
  root.replaceChildren(element("h1", {}, ["Fleet"]), form);
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, input.value.trim());
      resolve();
    });
  });
}
