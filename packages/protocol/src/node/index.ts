export * from "./clock.ts";
export * from "./crypto.ts";
export * from "./data-folder.ts";
export * from "./hpke.ts";
export * from "./revocation-file.ts";
