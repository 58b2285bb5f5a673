/** A page of the docs as it is built: what there is of Markdown in ours, and nothing that a browser would run. */
export interface Doc {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export type Block =
  | { readonly is: "heading"; readonly depth: number; readonly id: string; readonly of: readonly Inline[] }
  | { readonly is: "paragraph"; readonly of: readonly Inline[] }
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "list"; readonly ordered: boolean; readonly items: readonly (readonly Block[])[] }
  | { readonly is: "table"; readonly head: readonly Cell[]; readonly rows: readonly (readonly Cell[])[] }
  | { readonly is: "quote"; readonly of: readonly Block[] };

type Cell = readonly Inline[];

export type Inline =
  | string
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "strong" | "em"; readonly of: readonly Inline[] }
  | { readonly is: "link"; readonly to: string; readonly of: readonly Inline[] };

/** What is read of it, without its form. */
export const textOf = (inlines: readonly Inline[]): string =>
  inlines.map((one) => (typeof one === "string" ? one : one.is === "code" ? one.text : textOf(one.of))).join("");

export function textIn(block: Block): string {
  switch (block.is) {
    case "heading":
    case "paragraph":
      return textOf(block.of);
    case "code":
      return block.text;
    case "list":
      return block.items.flat().map(textIn).join("\n");
    case "table":
      return [block.head, ...block.rows].map((row) => row.map(textOf).join(" ")).join("\n");
    case "quote":
      return block.of.map(textIn).join("\n");
  }
}
