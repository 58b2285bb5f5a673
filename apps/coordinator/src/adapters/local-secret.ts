import { randomBytes } from "node:crypto";
import type { DataFolder } from "@darkbloom/protocol/node";

/** By which a provider with access to the folder shows that it may join; mode 0600 as every file there. */
export const LOCAL_SECRET_FILE = "local-secret";
const SECRET_BYTES = 32;
const SECRET_SHAPE = /^[\w-]{43}$/;

/** The folder's local secret, made at the first start. Where the file is something else, a new one is made. */
export function openLocalSecret(folder: DataFolder): string {
  const stored = folder.read(LOCAL_SECRET_FILE)?.toString().trim();
  if (stored !== undefined && SECRET_SHAPE.test(stored)) return stored;
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  folder.write(LOCAL_SECRET_FILE, `${secret}\n`);
  return secret;
}
