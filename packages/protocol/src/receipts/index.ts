export * from "./comment.ts";
export * from "./line-proof.ts";
export * from "./receipt-fields.ts";
export * from "./receipt.ts";
export * from "./signing.ts";
export * from "./verify-receipt.ts";
