import { element, section } from "../../reports/client/index.ts";
import { CALIBRATION_FILE, CLUSTER_FILE, sceneCommands, sceneDocuments, WORKLOAD_FILE } from "../scene-documents.ts";
import type { AskedScene } from "./shown-answer.ts";

function copyButton(text: () => string, name: string): HTMLElement {
  const button = element("button", { type: "button" }, [name]);
  const said = element("span", { class: "note", role: "status" });
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(text()).then(
      () => {
        said.textContent = "Copied.";
      },
      () => {
        said.textContent = "The browser does not let the page copy; select the text instead.";
      },
    );
  });
  return element("span", { class: "copy" }, [button, said]);
}

function saveButton(name: string, text: string, type = "application/yaml"): HTMLElement {
  const button = element("button", { type: "button" }, [`Save ${name}`]);
  button.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    element("a", { href: address, download: name }).click();
    URL.revokeObjectURL(address);
  });
  return button;
}

export function fileDetails(id: string, name: string, text: string): HTMLElement {
  return element("details", { id }, [element("summary", {}, [name]), element("pre", { tabindex: "0" }, [text])]);
}

/** The scene as an address, and as files and commands. `json`: what the command prints, once it is known. */
export function shareSection({ scene, calibration }: AskedScene, json: string | undefined): HTMLElement {
  const { workload, cluster } = sceneDocuments(scene);
  const meaning =
    scene.calibration === "own"
      ? "The address of this page has the scene without its calibration file. The three files with the command give the same numbers, to the last digit."
      : "The address of this page has the whole scene. The files with the command give the same numbers, to the last digit.";
  const figures =
    json !== undefined
      ? fileDetails("figures-json", "Every figure, as the command prints it", json)
      : element("p", { class: "note" }, ["Every figure follows with the whole run."]);
  return section("share", "Share it, run it", meaning, [
    element("div", { class: "panel share-panel" }, [
      element("div", { class: "toolbar" }, [
        copyButton(() => location.href, "Copy the address"),
        saveButton(WORKLOAD_FILE, workload),
        saveButton(CLUSTER_FILE, cluster),
        ...(calibration === undefined ? [] : [saveButton(CALIBRATION_FILE, calibration, "application/json")]),
      ]),
      ...sceneCommands(scene).map((command) =>
        element("div", { class: "command" }, [element("code", {}, [command]), copyButton(() => command, "Copy")]),
      ),
      fileDetails("workload-text", WORKLOAD_FILE, workload),
      fileDetails("cluster-text", CLUSTER_FILE, cluster),
      figures,
    ]),
  ]);
}
