import fs from "node:fs";
import path from "node:path";
import type { ListFileEntry } from "@huggingface/hub";
import { DeviceError, InputError } from "../../core/index.ts";
import { userCache, writeWholeFile } from "../../files/index.ts";
import { readerFor } from "../records/forms.ts";
import { filesWanted, type SplitFile, splitFiles } from "../records/split-files.ts";
import { describeFailure, fetchFile, type RemoteFile } from "./fetch-file.ts";
import { type HubPath, parseHubPath } from "./hub-path.ts";

export interface DownloadOptions {
  /** Downloads stay here; `$XDG_CACHE_HOME/loratwin/hub` when absent. */
  readonly cacheFolder?: string | undefined;
  /** Another hub than $HF_ENDPOINT or https://huggingface.co. */
  readonly hubUrl?: string | undefined;
  /** For private and gated repositories; $HF_TOKEN when absent. */
  readonly accessToken?: string | undefined;
  /** Connections to try for each file before giving up, 3 when absent. */
  readonly attempts?: number | undefined;
  readonly onFile?: ((path: string) => void) | undefined;
}

/** Config and tokenizer files, and the weights under the names that transformers uses. */
const MODEL_FILES = /^(?:[^/]+\.json|chat_template\.jinja|model(?:-[\w-]+)?\.safetensors|adapter_model\.safetensors)$/;

function hubOf(options: DownloadOptions) {
  const accessToken = options.accessToken ?? process.env["HF_TOKEN"];
  return {
    hubUrl: options.hubUrl ?? process.env["HF_ENDPOINT"] ?? "https://huggingface.co",
    ...(accessToken === undefined || accessToken === "" ? {} : { accessToken }),
  };
}

function folderOf({ type, name, revision }: HubPath, options: DownloadOptions): string {
  const parts = [`${type}s`, ...name.split("/")].join("--");
  return path.join(options.cacheFolder ?? userCache("hub"), parts, revision);
}

/** Names of contents: SHA-1 or SHA-256 of git, and SHA-256 of large files. A part of one is in the name of a file. */
const GIT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** In the place of one that nobody says. */
const UNNAMED = "content";

/** A file as it may be written; undefined for one that would lie elsewhere. @throws DeviceError for what no hub says */
function remoteFile(entry: ListFileEntry): RemoteFile | undefined {
  if (entry.type !== "file" || entry.path.split("/").includes("..")) return undefined;
  const {
    oid = "",
    form,
    digits,
  } = entry.lfs === undefined
    ? { oid: entry.oid ?? UNNAMED, form: GIT_ID, digits: "40 or 64" }
    : { oid: entry.lfs.oid, form: SHA256, digits: "64" };
  if (oid !== UNNAMED && !form.test(oid))
    throw new DeviceError({
      expected: `an id of ${digits} hexadecimal digits of ${entry.path} from the hub`,
      got: oid,
    });
  return { path: entry.path, oid, sha256: entry.lfs?.oid };
}

/** Pages of a list of files, some thousand a page. */
const MOST_PAGES = 1000;

/** Fetches pages of a list, as long as it comes to an end. */
function pagedFetch(name: string): typeof fetch {
  let pages = 0;
  return (...args) => {
    pages += 1;
    if (pages > MOST_PAGES)
      throw new InputError({ expected: `a list of files of at most ${MOST_PAGES} pages`, got: `more of ${name}` });
    return fetch(...args);
  };
}

/** Loaded by those who download. */
const hubClient = () => import("@huggingface/hub");

async function list(
  { type, name, revision, path: inside }: HubPath,
  options: DownloadOptions,
): Promise<readonly RemoteFile[]> {
  const { listFiles } = await hubClient();
  const hub = hubOf(options);
  const files: RemoteFile[] = [];
  try {
    const place = { repo: { type, name }, revision, recursive: type === "dataset", path: inside };
    for await (const entry of listFiles({ ...place, ...hub, fetch: pagedFetch(name) })) {
      const file = remoteFile(entry);
      if (file !== undefined) files.push(file);
    }
  } catch (cause) {
    throw describeFailure(cause, `${type} ${name} (${revision})`, hub.hubUrl);
  }
  return files;
}

/** Brings the files into the folder; those that are there already are left alone. */
async function bring(hubPath: HubPath, files: readonly RemoteFile[], options: DownloadOptions): Promise<void> {
  const { downloadFile } = await hubClient();
  const { type, name, revision } = hubPath;
  const folder = folderOf(hubPath, options);
  const hub = hubOf(options);
  for (const file of files) {
    const target = path.join(folder, file.path);
    if (fs.existsSync(target)) continue;
    options.onFile?.(file.path);
    const open = () => downloadFile({ repo: { type, name }, path: file.path, revision, ...hub });
    try {
      await fetchFile(file, target, open, options.attempts ?? 3);
    } catch (cause) {
      throw describeFailure(cause, `${file.path} of ${type} ${name}`, hub.hubUrl);
    }
  }
}

/** A list of what a finished download holds, so that it can be used again without a network. */
function markerOf(folder: string, key: string): string {
  return path.join(folder, `.complete-${key.replaceAll(/[^\w.-]/g, "_")}`);
}

/**
 * Downloads a model once (configuration, tokenizer, safetensors) and gives its folder.
 * @throws InputError when there is no such repository or no access; DeviceError when the hub cannot be reached
 */
export async function downloadModel(text: string, options: DownloadOptions = {}): Promise<string> {
  const hubPath = parseHubPath(text, "model", "model.path");
  const folder = folderOf(hubPath, options);
  const marker = markerOf(folder, "model");
  if (fs.existsSync(marker)) return folder;
  const files = (await list(hubPath, options)).filter(({ path: name }) => MODEL_FILES.test(name));
  await bring(hubPath, files, options);
  fs.mkdirSync(folder, { recursive: true });
  writeWholeFile(marker, files.map(({ path: name }) => `${name}\n`).join(""));
  return folder;
}

/**
 * Of files in folders of their own, which are configurations of a dataset: those of the one that is taken without a name.
 * @throws InputError where there is none
 */
function oneConfiguration(files: readonly SplitFile[], text: string): readonly SplitFile[] {
  const folders = [...new Set(files.map(({ within }) => within))];
  if (folders.length <= 1) return files;
  const chosen = ["", "data", "default"].find((name) => folders.includes(name));
  if (chosen !== undefined) return files.filter(({ within }) => within === chosen);
  const hint = `Name one: ${text}/${folders[0]}`;
  throw new InputError({ expected: "the data of one folder", at: "data.path", got: folders.slice(0, 8), hint });
}

/**
 * Downloads one data file, or the files of a split in the repository or a folder of it; gives the file or folder.
 * @throws InputError when there is no such file or no access; DeviceError when the hub cannot be reached
 */
export async function downloadData(
  text: string,
  split: string | undefined,
  options: DownloadOptions = {},
): Promise<string> {
  const hubPath = parseHubPath(text, "dataset", "data.path");
  const folder = folderOf(hubPath, options);
  const target = path.join(folder, hubPath.path);
  if (readerFor(hubPath.path) !== undefined) {
    await bring(hubPath, [{ path: hubPath.path, oid: UNNAMED }], options);
    return target;
  }
  const marker = markerOf(folder, `${split ?? "train"}-${hubPath.path}`);
  if (fs.existsSync(marker)) return target;
  const inside = hubPath.path === "" ? "" : `${hubPath.path}/`;
  const listed = (await list(hubPath, options)).filter(({ path: name }) => name.startsWith(inside));
  const names = listed.map(({ path: name }) => name.slice(inside.length));
  const chosen = new Set(oneConfiguration(splitFiles(names, split), text).map(({ name }) => inside + name));
  const files = listed.filter(({ path: name }) => chosen.has(name));
  if (files.length === 0) throw new InputError({ expected: filesWanted(split), at: "data.split", got: text });
  await bring(hubPath, files, options);
  writeWholeFile(marker, files.map(({ path: name }) => `${name}\n`).join(""));
  return target;
}
