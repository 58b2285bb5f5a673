import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Wrong } from "./act.tsx";

interface DownloadProps {
  readonly value: unknown;
  /** Of the file. */
  readonly name: string;
  readonly children: ReactNode;
}

/** Something as a file of JSON, made in this browser. */
export const Download = ({ value, name, children }: DownloadProps): ReactNode => (
  <Button
    variant="default"
    size="compact-sm"
    onClick={() => save(name, `${JSON.stringify(value, undefined, 2)}\n`, "application/json")}
  >
    {children}
  </Button>
);

interface DownloadCsvProps {
  /** What the coordinator answers with. */
  readonly ask: () => Promise<string>;
  /** Of the file. */
  readonly name: string;
}

/** What the coordinator tells as CSV, as a file. */
export function DownloadCsv({ ask, name }: DownloadCsvProps): ReactNode {
  const asking = useMutation({ mutationFn: ask, onSuccess: (text) => save(name, text, "text/csv") });
  return (
    <>
      <Button variant="default" size="compact-sm" loading={asking.isPending} onClick={() => asking.mutate()}>
        Download as CSV
      </Button>
      {asking.error && <Wrong error={asking.error} />}
    </>
  );
}

function save(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
