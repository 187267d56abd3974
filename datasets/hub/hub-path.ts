import { InputError } from "../../core/index.ts";

/** A repository on the Hugging Face hub, and for data a file or folder in it. */
export interface HubPath {
  readonly type: "model" | "dataset";
  /** "owner/name" */
  readonly name: string;
  readonly revision: string;
  /** Inside the repository; empty for all of it. */
  readonly path: string;
}

const PREFIX = "hf:";
const FORM = /^(?<datasets>datasets\/)?(?<name>[\w.-]+\/[\w.-]+)(?:@(?<revision>[^/@]+))?(?:\/(?<path>.+))?$/;

export function isHubPath(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** @throws InputError unless the text is `hf:owner/name[@revision]` or `hf:datasets/owner/name[@revision][/path]` */
export function parseHubPath(text: string, type: HubPath["type"], at: string): HubPath {
  const { datasets, name = "", revision = "main", path = "" } = FORM.exec(text.slice(PREFIX.length))?.groups ?? {};
  const isData = datasets !== undefined;
  const climbs = [...name.split("/"), ...path.split("/"), revision].some((part) => part === "." || part === "..");
  if (name === "" || climbs || isData !== (type === "dataset") || (type === "model" && path !== "")) {
    const expected = type === "model" ? "hf:owner/name[@revision]" : "hf:datasets/owner/name[@revision][/path/to/file]";
    throw new InputError({ expected, at, got: text });
  }
  return { type, name, revision, path };
}
