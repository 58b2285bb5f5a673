export * from "./certificate-file.ts";
export * from "./certificate.ts";
export * from "./der.ts";
export * from "./path.ts";
