import { isMapping, plainText } from "../core/index.ts";

/** The bundled browser code of a page, as text: script and style sheet of dist/reports. */
export interface ReportAssets {
  readonly script: string;
  readonly style: string;
}

const HTML_ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** A document whose texts and keys people can read: as a page draws them, whoever wrote them. */
function plainDocument(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) => {
    if (typeof value === "string") return plainText(value);
    if (!isMapping(value)) return value;
    const keys = Object.keys(value);
    if (keys.every((key) => plainText(key) === key)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, own]) => [plainText(key), own]));
  });
}

/** Text of an element or an attribute. */
export function escapeHtml(text: string): string {
  return plainText(text).replace(/[&<>"]/g, (character) => HTML_ENTITIES[character]!);
}

/** Inside a script element only `<` can end it or start a comment; in JSON it occurs only in strings. */
function escapeJson(json: string): string {
  return json.replaceAll("<", "\\u003c");
}

/** Keeps a bundle from closing the element that holds it; `<\/` means the same in a JavaScript string and in CSS. */
function escapeClosingTag(code: string): string {
  return code.replace(/<\/(?=script|style)/gi, "<\\/");
}

/** A report may load nothing: its policy allows only what is written into it. */
const REPORT_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

/**
 * One self-contained page whose script draws the data. `policyOf` is given script and style sheet as they stand in the
 * page.
 */
export function htmlPage(
  title: string,
  data: unknown,
  assets: ReportAssets,
  policyOf: (inline: ReportAssets) => string = () => REPORT_POLICY,
): string {
  const inline = { script: escapeClosingTag(assets.script), style: escapeClosingTag(assets.style) };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policyOf(inline)}">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${inline.style}</style>
</head>
<body>
<div id="report"><noscript>This page draws its charts with JavaScript, which is switched off here.</noscript></div>
<script type="application/json" id="report-data">${escapeJson(plainDocument(data))}</script>
<script>${inline.script}</script>
</body>
</html>
`;
}
