import type { Mapping } from "../core/index.ts";
import { byteCharacters } from "./byte-tokenizer.ts";

/** How a tokenizer writes bytes as characters; undefined where its tokens are no bytes. */
export type ByteForm = "byte-level" | "byte-fallback";

/** The form that the decoder of a tokenizer.json undoes. */
export function byteFormOf({ decoder }: Mapping): ByteForm | undefined {
  const { type, decoders = [] } = (decoder ?? {}) as { readonly type?: unknown; readonly decoders?: unknown };
  const inside = Array.isArray(decoders) ? decoders.map((each: Mapping | null) => each?.["type"]) : [];
  const types = [type, ...inside];
  if (types.includes("ByteLevel")) return "byte-level";
  return types.includes("ByteFallback") ? "byte-fallback" : undefined;
}

const BYTES = new Map(byteCharacters().map((character, byte) => [character, String.fromCharCode(byte)]));

function latinOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** The bytes of a token that is no added one, as characters from U+0000 to U+00FF. */
export function tokenBytes(token: string, form: ByteForm): string {
  if (form === "byte-level") {
    const bytes = [...token].map((character) => BYTES.get(character));
    return bytes.includes(undefined) ? latinOf(token) : bytes.join("");
  }
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
  if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16));
  return latinOf(token.replaceAll("\u2581", " "));
}
