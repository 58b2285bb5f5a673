import { SegmentedControl } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { Copy } from "./copy.tsx";
import { languages, snippetOf, type Language, type Request } from "./snippets.ts";
import classes from "./code.module.css";

/** A request as a program makes it, in the reader's language. */
export function Code({ request }: { readonly request: Request }): ReactNode {
  const [language, setLanguage] = useState<Language>("curl");
  const text = snippetOf(language, request);
  return (
    <div className={classes["code"]}>
      <div className={classes["bar"]}>
        <SegmentedControl
          size="xs"
          aria-label="Language"
          value={language}
          onChange={setLanguage}
          data={[...languages]}
        />
        <Copy text={text} what="the request" />
      </div>
      <pre className={classes["text"]} tabIndex={0} aria-label={`The request in ${language}`} role="region">
        {text}
      </pre>
    </div>
  );
}
