// Writes THIRD_PARTY_NOTICES.md: `npm run notices`. What an installed loratwin has of others, with their licences: the
// packages of package-lock.json that are no development packages, which the pages' bundles are made of too, and what
// `native-notices/` has.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inRoot } from "./root.mjs";
import { SetupError } from "./terminal.mjs";

const ALLOWED = [
  ...["0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense"],
  // Of native parts: LLVM's libraries.
  "Apache-2.0 WITH LLVM-exception",
];

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Packages that come without the text of the licence that their package.json names, and whose they are. */
const WITHOUT_TEXT = {
  "abstract-logging": `MIT License\n\nCopyright (c) James Sumners\n\n${MIT}`,
  "gearhash-jit": `MIT License\n\nCopyright (c) the authors of gearhash-jit\n\n${MIT}`,
};

/** @throws SetupError for a licence that is not on the list */
function checkLicence(what, licence) {
  // Of a package with parts of others, each part has to be on it.
  if (licence?.split(" AND ").every((part) => ALLOWED.includes(part))) return;
  throw new SetupError(`${what} has the licence ${licence ?? "(none)"}. Those that are taken: ${ALLOWED.join(", ")}.`);
}

/** The texts of a package's licence and notice files. @throws SetupError where there are none */
function textsOf(name, folder) {
  const isText = (file) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(file);
  const files = readdirSync(folder).filter(isText).sort();
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8"));
  if (!files.some((file) => !/^notice/i.test(file))) {
    if (WITHOUT_TEXT[name] === undefined) throw new SetupError(`${name} comes without the text of its licence.`);
    texts.unshift(WITHOUT_TEXT[name]);
  }
  return texts;
}

/** Trailing blanks and kinds of line ends are nothing that licences differ by. */
function tidied(text) {
  return text
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .join("\n")
    .trim();
}

/** Production packages of a lock file, by name and version. @throws SetupError where a licence is missing or another */
export function packageParts(lock, folderOf) {
  return Object.entries(lock.packages).flatMap(([path, { version, license, dev, devOptional }]) => {
    if (path === "" || dev === true || devOptional === true) return [];
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const folder = folderOf(path);
    // Prebuilt addons are our own.
    if (/^@?loratwin\b/.test(name)) return [];
    if (!existsSync(folder)) throw new SetupError(`${name} is not installed: run \`npm run build\` first.`);
    const licence = license ?? JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).license;
    checkLicence(`${name} ${version}`, licence);
    return [{ title: `${name} ${version} (${licence})`, text: textsOf(name, folder).map(tidied).join("\n\n") }];
  });
}

/** Parts of native builds. @throws SetupError for a file without its first line, or with another licence */
export function nativeParts(folder) {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".txt")) : [];
  return files.sort().map((file) => {
    const [title, ...lines] = readFileSync(join(folder, file), "utf8").split(/\r?\n/);
    const licence = /^\S.* \S+ \((.+)\)$/.exec(title)?.[1];
    if (licence === undefined) throw new SetupError(`${file} has to begin with a line "NAME VERSION (LICENCE)".`);
    checkLicence(file, licence);
    return { title, text: tidied(lines.join("\n")) };
  });
}

/** Parts with one text stand above it together. */
function section(heading, parts) {
  const byText = new Map();
  for (const { title, text } of parts) byText.set(text, new Set(byText.get(text)).add(title));
  const blocks = [...byText].map(([text, titles]) => {
    const names = [...titles].sort().map((title) => `- ${title}\n`);
    return `${names.join("")}\n\`\`\`\`text\n${text}\n\`\`\`\`\n`;
  });
  return blocks.length === 0 ? "" : `\n## ${heading}\n\n${blocks.sort().join("\n")}`;
}

/** The file's text. @throws SetupError where a licence is missing or not on the list */
export function noticesText() {
  const lock = JSON.parse(readFileSync(inRoot("package-lock.json"), "utf8"));
  const packages = packageParts(lock, (path) => inRoot(path));
  return `# Third-party notices

loratwin is under the Apache License 2.0 (LICENSE). It stands on the work of others, whose notices follow. Written by
\`npm run notices\`.
${section("npm packages, some of which the pages have code of", packages)}${section("In builds of the addon", nativeParts(inRoot("setup/native-notices")))}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    writeFileSync(inRoot("THIRD_PARTY_NOTICES.md"), noticesText());
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}
