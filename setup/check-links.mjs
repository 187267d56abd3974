// Links of the documentation: `node setup/check-links.mjs` looks at those between files, headings included, and with
// `--web` asks for the others too. Exit code 1 where one leads nowhere.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inRoot, root } from "./root.mjs";

/** So long a page may take. */
const TIMEOUT_MS = 20_000;
/** What pages answer that are there, but not for programs. */
const KEPT_FROM_PROGRAMS = [401, 403, 405, 429, 999];

/** The text without what stands in code, in lines of the same numbers. */
function prose(text) {
  let fence;
  return text.split("\n").map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark !== undefined && (fence === undefined || line.trim().startsWith(fence))) {
      fence = fence === undefined ? mark : undefined;
      return "";
    }
    return fence === undefined ? line : "";
  });
}

/** Links of a text: where they lead, and in which line. A link may go over the end of a line. */
export function linksOf(text) {
  const lines = prose(text)
    .join("\n")
    .replace(/`[^`\n]*`/g, (code) => " ".repeat(code.length));
  const found = [...lines.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(https?:[^>\s]+)>/g)];
  return found.map(({ 1: inline, 2: bare, index }) => ({
    target: inline ?? bare,
    line: lines.slice(0, index).split("\n").length,
  }));
}

/** The names that GitHub gives to headings. */
export function anchorsOf(text) {
  const seen = new Map();
  return prose(text).flatMap((line) => {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) return [];
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return [count === 0 ? slug : `${slug}-${count}`];
  });
}

/** Why a link between files leads nowhere; undefined for one that leads somewhere. */
export function faultOf(file, target) {
  const [path, anchor] = target.split("#");
  const to = path === "" ? file : resolve(dirname(file), decodeURIComponent(path));
  if (relative(root, to).startsWith("..") && to.startsWith("/") && file.startsWith(root))
    return "outside of the project";
  if (!existsSync(to)) return "no such file";
  if (anchor === undefined || statSync(to).isDirectory() || !to.endsWith(".md")) return undefined;
  return anchorsOf(readFileSync(to, "utf8")).includes(anchor) ? undefined : `no heading #${anchor}`;
}

function isWeb(target) {
  return /^https?:/.test(target);
}

/** The Markdown files of the project. */
function documents() {
  const { stdout } = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: root,
    encoding: "utf8",
  });
  // Texts of others, as they wrote them.
  return stdout
    .split("\n")
    .filter((path) => path !== "" && path !== "THIRD_PARTY_NOTICES.md" && existsSync(inRoot(path)));
}

/** `file:line` of prose that goes over the margin. Tables, headings and pictures cannot be wrapped. */
export function longLines() {
  return documents().flatMap((path) =>
    prose(readFileSync(inRoot(path), "utf8")).flatMap((line, index) =>
      line.length > 120 && !/^\s*(\||#|!\[)/.test(line) ? [`${path}:${index + 1}`] : [],
    ),
  );
}

/** `file:line: link: why`, of links between files, and how many links there are. */
export function checkFiles() {
  const links = documents().flatMap((path) =>
    linksOf(readFileSync(inRoot(path), "utf8")).map((link) => ({ path, ...link })),
  );
  const faults = links
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .flatMap(({ path, line, target }) => {
      const fault = faultOf(join(root, path), target);
      return fault === undefined ? [] : [`${path}:${line}: ${target}: ${fault}`];
    });
  return { links, faults };
}

async function webFault(target) {
  try {
    const { ok, status } = await fetch(target, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "follow" });
    return ok || KEPT_FROM_PROGRAMS.includes(status) ? undefined : `answers ${status}`;
  } catch (error) {
    return error.cause?.code ?? error.message;
  }
}

/** Each page once, one after another. */
async function checkWeb(links) {
  const faults = [];
  const pages = new Map();
  for (const { path, line, target } of links.filter((link) => isWeb(link.target))) {
    const page = target.split("#")[0];
    if (!pages.has(page)) pages.set(page, await webFault(page));
    const fault = pages.get(page);
    if (fault !== undefined) faults.push(`${path}:${line}: ${target}: ${fault}`);
  }
  return faults;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { links, faults } = checkFiles();
  const all = [...faults, ...(process.argv.includes("--web") ? await checkWeb(links) : [])];
  for (const fault of all) console.log(fault);
  console.log(`${links.length} links, ${all.length} of which lead nowhere`);
  process.exitCode = all.length === 0 ? 0 : 1;
}
