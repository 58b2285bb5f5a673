import { lexer, type Token, type Tokens } from "marked";
import type { Plugin } from "vite";
import { textOf, type Block, type Doc, type Inline } from "../src/pages/docs/tree.ts";

/** Each Markdown file becomes a module that has it as a tree: what is written in it as HTML is its text, and never markup. */
export const docs = (): Plugin => ({
  name: "docs",
  transform(text, id) {
    if (!id.endsWith(".md")) return null;
    return { code: `export default ${JSON.stringify(docOf(text))};`, map: null };
  },
});

export function docOf(markdown: string): Doc {
  const blocks = blocksOf(lexer(markdown), idsOf());
  const [first] = blocks;
  return { title: first?.is === "heading" ? textOf(first.of) : "Docs", blocks };
}

type Ids = (text: string) => string;

/** As GitHub makes them, by which our pages lead to each other's parts. */
function idsOf(): Ids {
  const used = new Map<string, number>();
  return (text) => {
    const id = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-");
    const before = used.get(id) ?? 0;
    used.set(id, before + 1);
    return before === 0 ? id : `${id}-${before}`;
  };
}

const blocksOf = (tokens: readonly Token[], ids: Ids): Block[] => tokens.flatMap((token) => blockOf(token, ids));

function blockOf(token: Token, ids: Ids): Block[] {
  switch (token.type) {
    case "heading": {
      const of = inlinesOf(token.tokens);
      return [{ is: "heading", depth: (token as Tokens.Heading).depth, id: ids(textOf(of)), of }];
    }
    case "paragraph":
      return [{ is: "paragraph", of: inlinesOf(token.tokens) }];
    // In a list whose items are one line each.
    case "text":
      return [{ is: "paragraph", of: "tokens" in token ? inlinesOf(token.tokens) : [(token as Tokens.Text).text] }];
    case "code":
      return [{ is: "code", text: (token as Tokens.Code).text.trimEnd() }];
    case "list": {
      const { ordered, items } = token as Tokens.List;
      return [{ is: "list", ordered, items: items.map((item) => blocksOf(item.tokens, ids)) }];
    }
    case "table": {
      const { header, rows } = token as Tokens.Table;
      return [
        {
          is: "table",
          head: header.map((cell) => inlinesOf(cell.tokens)),
          rows: rows.map((row) => row.map((cell) => inlinesOf(cell.tokens))),
        },
      ];
    }
    case "blockquote":
      return [{ is: "quote", of: blocksOf(token.tokens ?? [], ids) }];
    case "html":
      return [{ is: "paragraph", of: [token.raw.trim()] }];
    case "space":
    case "hr":
    case "def":
      return [];
    default:
      throw new RangeError(`the docs have Markdown that is not known here: ${token.type}`);
  }
}

const inlinesOf = (tokens: readonly Token[] = []): Inline[] => tokens.map(inlineOf);

function inlineOf(token: Token): Inline {
  switch (token.type) {
    case "text":
      return (token as Tokens.Text).text;
    case "escape":
      return (token as Tokens.Escape).text;
    case "codespan":
      return { is: "code", text: (token as Tokens.Codespan).text };
    case "strong":
    case "em":
      return { is: token.type, of: inlinesOf(token.tokens) };
    case "link":
      return { is: "link", to: (token as Tokens.Link).href, of: inlinesOf(token.tokens) };
    case "br":
      return " ";
    case "html":
      return token.raw;
    default:
      throw new RangeError(`the docs have Markdown that is not known here: ${token.type}`);
  }
}
