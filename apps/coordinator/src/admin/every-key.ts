import type { Admin, ListedKey } from "./operations.ts";

/** All that there are, page by page. */
export async function everyKey(admin: Pick<Admin, "listKeys">): Promise<ListedKey[]> {
  const pages: (readonly ListedKey[])[] = [];
  for (let after: string | undefined; ;) {
    const page = await admin.listKeys(after === undefined ? {} : { after });
    pages.push(page.keys);
    const last = page.keys.at(-1)?.keyId;
    // A page without an end of its own would be asked for again for ever.
    if (!page.hasMore || last === undefined || last === after) return pages.flat();
    after = last;
  }
}
