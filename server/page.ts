import { createHash } from "node:crypto";
import { htmlPage, type ReportAssets } from "../reports/index.ts";

function hashed(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** What the fleet's page may do: run its own script, and ask this server. */
function policyOf({ script, style }: ReportAssets): string {
  return [
    "default-src 'none'",
    `script-src ${hashed(script)}`,
    `style-src ${hashed(style)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** The page of the fleet, which asks for all that it shows, and its policy as a header, which can say more. */
export function fleetPage(assets: ReportAssets): { readonly html: string; readonly policy: string } {
  let policy = "";
  const html = htmlPage("loratwin fleet", {}, assets, (inline) => {
    policy = policyOf(inline);
    return policy;
  });
  return { html, policy: `${policy}; frame-ancestors 'none'` };
}
