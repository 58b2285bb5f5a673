import type { Verification } from "@darkbloom/client";
import type { ReactNode } from "react";
import { Download } from "../../parts/download.tsx";
import { Steps } from "../../parts/steps.tsx";
import classes from "./playground.module.css";

/** The verification document of an answer, step by step, and its receipt. */
export function Checked({ verification }: { readonly verification: Verification }): ReactNode {
  const { steps, receipt, jobId = "answer" } = verification;
  const count = (status: string): number => steps.filter((step) => step.status === status).length;
  const failed = count("fail");
  return (
    <details className={classes["drawn"]}>
      <summary>
        What was checked: {count("pass")} passed{failed > 0 && `, ${failed} failed`}, {count("unknown")} not shown
      </summary>
      <div className={classes["files"]}>
        <Download value={verification} name={`verification-${jobId}.json`}>
          Verification document
        </Download>
        {receipt && (
          <Download value={receipt} name={`receipt-${jobId}.json`}>
            Receipt
          </Download>
        )}
      </div>
      <div className={classes["steps"]} tabIndex={0} role="region" aria-label="Steps">
        <Steps checks={steps} />
      </div>
    </details>
  );
}
