import { SegmentedControl } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { Snippet } from "./snippet.tsx";
import { languages, snippetOf, type Language, type Request } from "./snippets.ts";
import classes from "./code.module.css";

/** A request as a program makes it, in the reader's language. */
export function Code({ request }: { readonly request: Request }): ReactNode {
  const [language, setLanguage] = useState<Language>("curl");
  return (
    <div className={classes["code"]}>
      <SegmentedControl
        size="xs"
        aria-label="Language"
        value={language}
        onChange={setLanguage}
        data={[...languages]}
        className={classes["languages"]}
      />
      <Snippet text={snippetOf(language, request)} what="the request" label={`The request in ${language}`} />
    </div>
  );
}
