import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Snippet } from "../../parts/snippet.tsx";
import { leadsTo } from "./files.ts";
import type { Block, Doc, Inline } from "./tree.ts";
import classes from "./docs.module.css";

/** As examples name a coordinator; whoever reads here has this one. */
const SOMEWHERE = /http:\/\/127\.0\.0\.1:8080|https:\/\/(?:api|coordinator)\.example\.com|https:\/\/YOUR-HOST/g;
const here = (text: string): string => text.replaceAll(SOMEWHERE, globalThis.location.origin);

/** A page of the docs, as elements; its text is text, whatever stands in it. */
export const Shown = ({ doc }: { readonly doc: Doc }): ReactNode => (
  <article className={classes["doc"]}>
    <Blocks blocks={doc.blocks} />
  </article>
);

const Blocks = ({ blocks }: { readonly blocks: readonly Block[] }): ReactNode =>
  blocks.map((block, place) => <One key={place} block={block} />);

function One({ block }: { readonly block: Block }): ReactNode {
  switch (block.is) {
    case "heading": {
      // The page's own heading is the first level.
      const Heading = `h${Math.min(6, block.depth)}` as "h1" | "h2" | "h3" | "h4" | "h5" | "h6";
      return (
        <Heading id={block.id} tabIndex={-1}>
          <Inlines of={block.of} />
        </Heading>
      );
    }
    case "paragraph":
      return (
        <p>
          <Inlines of={block.of} />
        </p>
      );
    case "code":
      return <Snippet text={here(block.text)} what="this" />;
    case "list": {
      const List = block.ordered ? "ol" : "ul";
      return (
        <List>
          {block.items.map((item, place) => (
            <li key={place}>
              <Blocks blocks={item} />
            </li>
          ))}
        </List>
      );
    }
    case "table":
      return (
        <div className={classes["table"]} tabIndex={0} role="region" aria-label="A table">
          <table>
            {block.head.some((cell) => cell.length > 0) && (
              <thead>
                <tr>
                  {block.head.map((cell, place) =>
                    cell.length === 0 ? (
                      <td key={place} />
                    ) : (
                      <th key={place} scope="col">
                        <Inlines of={cell} />
                      </th>
                    ),
                  )}
                </tr>
              </thead>
            )}
            <tbody>
              {block.rows.map((row, place) => (
                <tr key={place}>
                  {row.map((cell, column) => (
                    <td key={column}>
                      <Inlines of={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case "quote":
      return (
        <blockquote>
          <Blocks blocks={block.of} />
        </blockquote>
      );
  }
}

const Inlines = ({ of }: { readonly of: readonly Inline[] }): ReactNode =>
  of.map((inline, place) => <OneInline key={place} inline={inline} />);

function OneInline({ inline }: { readonly inline: Inline }): ReactNode {
  if (typeof inline === "string") return inline;
  switch (inline.is) {
    case "code":
      return <code>{inline.text}</code>;
    case "strong":
      return (
        <strong>
          <Inlines of={inline.of} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Inlines of={inline.of} />
        </em>
      );
    case "link":
      return <Leading to={inline.to} of={inline.of} />;
  }
}

function Leading({ to, of }: { readonly to: string; readonly of: readonly Inline[] }): ReactNode {
  const lead = leadsTo(to);
  // Into the repository, which this coordinator does not serve.
  if (!lead) return <Inlines of={of} />;
  if ("url" in lead)
    return (
      <a href={lead.url} rel="noopener noreferrer" target="_blank">
        <Inlines of={of} />
      </a>
    );
  return (
    <Link to={lead.page === "" ? "." : `/console/docs/${lead.page}`} {...(lead.part !== "" && { hash: lead.part })}>
      <Inlines of={of} />
    </Link>
  );
}
