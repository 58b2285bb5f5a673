import type { ReactNode } from "react";
import type { Mode } from "../../api/darkbloom.ts";
import { Status } from "../../parts/badges.tsx";
import classes from "./playground.module.css";

/** In plain words, what can be relied on here and what cannot. */
export function WhatIsChecked({ mode }: { readonly mode: Mode }): ReactNode {
  const isSealed = mode === "sealed";
  return (
    <div className={classes["promise"]}>
      <h3 className={classes["promised"]}>What this browser checks, and what it cannot</h3>
      <ul>
        <li>
          <Status status="pass" />
          <span>
            Before anything is sent: that machines hold the keys they show, and that the signatures over their evidence
            hold.
          </span>
        </li>
        <li>
          <Status status={isSealed ? "pass" : "fail"} />
          <span>
            {isSealed
              ? "Who can read: what you write is encrypted here to up to four of these machines. The coordinator passes it on unread."
              : "Who can read: the coordinator and the machine that answers. Sealed, it is the machines alone."}
          </span>
        </li>
        <li>
          <Status status="pass" />
          <span>
            Of each answer: the machine's signature over its bytes, and a receipt that names your very request.
          </span>
        </li>
        <li>
          <Status status="unknown" />
          <span>
            Not checked: that a maker vouches for a machine. A page brings no maker's root, so the most that it finds is
            “self-signed”: one key, and anybody can have made it.
          </span>
        </li>
        <li>
          <Status status="unknown" />
          <span>
            Not checked: this page. It comes from the coordinator. To trust nobody but yourself, use{" "}
            <code>darkbloom proxy</code> or the client library with serials that you pinned.
          </span>
        </li>
      </ul>
    </div>
  );
}
