import type { Verification } from "@darkbloom/client";
import { Drawer } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Used } from "../../api/money.ts";
import { Badge, type Tone } from "../../parts/badges.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { Download } from "../../parts/download.tsx";
import { Facts, type Fact } from "../../parts/facts.tsx";
import { Count, ExactMoney, When } from "../../parts/figures.tsx";
import { meaningOf, OutcomeBadge } from "../../parts/outcome.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import { Steps } from "../../parts/steps.tsx";
import { receiptQuery, verdictOn, type ReceiptVerdict } from "./receipt.ts";
import classes from "./activity.module.css";

interface RequestDrawerProps {
  readonly jobId: string | undefined;
  /** Undefined where it is not among those that are listed. */
  readonly used: Used | undefined;
  readonly onClose: () => void;
}

/** One request, and its receipt as this browser finds it. */
export const RequestDrawer = ({ jobId, used, onClose }: RequestDrawerProps): ReactNode => (
  <Drawer
    opened={jobId !== undefined}
    onClose={onClose}
    size="xl"
    title={used?.model ?? "A request"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {jobId !== undefined && (
      <>
        <div className={classes["about"]}>
          <Facts facts={[...(used ? factsOf(used) : []), ["Job", <Copyable text={jobId} what="the job's id" />]]} />
        </div>
        <Receipt jobId={jobId} />
      </>
    )}
  </Drawer>
);

const factsOf = (used: Used): readonly Fact[] => [
  [
    "Outcome",
    <>
      <OutcomeBadge outcome={used.outcome} /> <span className={classes["words"]}>{meaningOf(used.outcome)}.</span>
    </>,
  ],
  ["Cost", <ExactMoney micro={used.cost_micro_usd} />],
  [
    "Tokens",
    <>
      <Count value={used.prompt_tokens} /> in ({<Count value={used.cached_tokens} />} known already),{" "}
      <Count value={used.completion_tokens} /> out
    </>,
  ],
  ["When", <When at={used.timestamp} />],
  ["Request", <Copyable text={used.request_id} what="the request's id" />],
];

const verdicts: Readonly<Record<ReceiptVerdict, readonly [words: string, tone: Tone, meaning: string]>> = {
  holds: ["holds", "good", "Both signatures hold, and the machine that signed is connected and shows the same key."],
  alone: [
    "signatures hold",
    "warn",
    "The signatures hold. No connected machine shows the key that signed, so whose it is cannot be said now.",
  ],
  false: ["does not hold", "bad", "Do not rely on this answer, and tell the operator its job's id."],
};

function Receipt({ jobId }: { readonly jobId: string }): ReactNode {
  const query = useQuery(receiptQuery(jobId));
  return (
    <section aria-label="Receipt">
      <h3 className={classes["title"]}>Receipt</h3>
      <Asked query={query} rows={8}>
        {(verification) =>
          verification ? (
            <Found verification={verification} jobId={jobId} />
          ) : (
            <Empty icon="audit" title="There is no receipt">
              Either no answer was signed, or the coordinator does not keep it any more. An answer brings its receipt
              along: keep that one.
            </Empty>
          )
        }
      </Asked>
    </section>
  );
}

interface Fields {
  readonly privacy?: string;
  readonly build?: string;
  readonly started_at?: string;
  readonly finished_at?: string;
}

function Found({ verification, jobId }: { readonly verification: Verification; readonly jobId: string }): ReactNode {
  const { receipt, machine, steps } = verification;
  const [words, tone, meaning] = verdicts[verdictOn(verification)];
  // The library gives it out as it has parsed it.
  const { privacy, build, started_at, finished_at } = (receipt?.["receipt"] ?? {}) as Fields;
  return (
    <>
      <p className={classes["verdict"]}>
        <Badge tone={tone}>{words}</Badge> <span className={classes["words"]}>{meaning} Checked in this browser.</span>
      </p>
      <div className={classes["about"]}>
        <Facts
          facts={[
            ["Machine", machine?.serial ?? machine?.providerId ?? "not connected now"],
            ["Build", build],
            ["Read by", privacy === "sealed" ? "machines alone (sealed)" : "coordinator and machine (transparent)"],
            ...(started_at !== undefined && finished_at !== undefined
              ? [["Took", <Took fromAt={started_at} toAt={finished_at} />] as const]
              : []),
          ]}
        />
      </div>
      <div className={classes["files"]}>
        <Download value={receipt} name={`receipt-${jobId}.json`}>
          Receipt
        </Download>
        <Download value={verification} name={`verification-${jobId}.json`}>
          Verification document
        </Download>
      </div>
      <Steps checks={steps} />
    </>
  );
}

const Took = ({ fromAt, toAt }: { readonly fromAt: string; readonly toAt: string }): ReactNode => (
  <>
    <Count value={Date.parse(toAt) - Date.parse(fromAt)} /> ms at the machine
  </>
);
