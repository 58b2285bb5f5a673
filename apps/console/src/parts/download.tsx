import { Button } from "@mantine/core";
import type { ReactNode } from "react";

interface DownloadProps {
  readonly value: unknown;
  /** Of the file. */
  readonly name: string;
  readonly children: ReactNode;
}

/** Something as a file of JSON, made in this browser. */
export const Download = ({ value, name, children }: DownloadProps): ReactNode => (
  <Button variant="default" size="compact-sm" onClick={() => save(name, `${JSON.stringify(value, undefined, 2)}\n`)}>
    {children}
  </Button>
);

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
