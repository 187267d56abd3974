import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { packageFile } from "../files/index.ts";

/** Of the library in the bundle: Brotli makes it a fifth smaller than gzip, and the bundle's own Node opens it. */
const SUFFIX = ".br";

/** Writes a library into a folder of the bundle, compressed. */
export function packOneDnn(library: string, target: string): void {
  const bytes = readFileSync(library);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 6, [constants.BROTLI_PARAM_LGWIN]: 24 };
  writeFileSync(`${target}${SUFFIX}`, brotliCompressSync(bytes, { params }));
}

/** Unpacks what packOneDnn wrote, under its own name and as libdnnl.so, which linkers look for. */
function unpackOneDnn(folder: string): string {
  const link = path.join(folder, "libdnnl.so");
  if (existsSync(link)) return link;
  const packed = readdirSync(folder).find((name) => name.endsWith(SUFFIX))!;
  const library = path.join(folder, packed.slice(0, -SUFFIX.length));
  writeFileSync(`${library}.new`, brotliDecompressSync(readFileSync(path.join(folder, packed))));
  renameSync(`${library}.new`, library);
  symlinkSync(path.basename(library), link);
  return link;
}

const SYSTEM = ["/usr/include/oneapi/dnnl/dnnl.hpp", "/usr/local/include/oneapi/dnnl/dnnl.hpp"];

/**
 * CMake's arguments for the oneDNN that the bundle carries for machines that have none; the system's own, which has one
 * of these headers, comes first.
 */
export function oneDnnArguments(system: readonly string[] = SYSTEM): readonly string[] {
  const folder = packageFile("onednn");
  if (!existsSync(folder) || system.some((file) => existsSync(file))) return [];
  const library = unpackOneDnn(path.join(folder, "lib"));
  return [`-DLORATWIN_DNNL_INCLUDE=${folder}/include`, `-DLORATWIN_DNNL_LIBRARY=${library}`];
}
