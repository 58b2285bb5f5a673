import { joinBytes } from "../bytes.ts";

/** The body of what was fetched; undefined where it is longer, and then the rest is not read. */
export async function bodyOf(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}
