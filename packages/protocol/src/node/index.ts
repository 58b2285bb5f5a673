export * from "./clock.ts";
export * from "./crypto.ts";
export * from "./data-folder.ts";
export { bodyOf } from "./fetched-body.ts";
export * from "./hpke.ts";
export { LogLines } from "./log-lines.ts";
export { oneWrite } from "./one-write.ts";
export * from "./revocation-file.ts";
export { endOfTurn } from "./turn.ts";
