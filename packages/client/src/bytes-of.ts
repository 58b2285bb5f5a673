import { joinBytes } from "@darkbloom/protocol/bytes";

/** All that a stream holds; undefined where it is longer, and then the rest is not read. */
export async function bytesOf(
  stream: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!stream) return new Uint8Array(0);
  // Not every browser lets a stream be walked through.
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return joinBytes(chunks);
    bytes += value.length;
    if (bytes > bytesMax) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}
