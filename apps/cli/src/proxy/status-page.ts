import type { Step, Verification } from "@darkbloom/client";
import type { ProxyStatus } from "./status.ts";

/** `GET /`: for each answer who served it and what was checked, without a script. */
export const statusPage = (status: ProxyStatus): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="10">
<title>Darkbloom proxy</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; background: #fff }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
  .verified, .pass { color: #17692f } .refused, .fail { color: #b00020 } .failed, .left, .unknown { color: #6b5900 }
  @media (prefers-color-scheme: dark) {
    body { color: #ddd; background: #161616 } th, td { border-color: #444 }
    .verified, .pass { color: #7fd99a } .refused, .fail { color: #ff8a8a } .failed, .left, .unknown { color: #e0c860 }
  }
</style>
<h1>Darkbloom proxy</h1>
<p>${text(status.coordinator)}, mode ${text(status.policy.mode)}, machines from ${text(status.policy.min_trust)} on${
  status.policy.pins.length > 0 ? `, pinned to ${status.policy.pins.map(text).join(", ")}` : ""
}. Since ${text(status.since)}: ${status.answers.verified} verified, ${status.answers.refused} refused, ${status.answers.failed} failed, ${
  status.answers.left
} left; ${status.running} running.${status.unwritten > 0 ? ` <b class="fail">${status.unwritten} could not be kept: see the disk.</b>` : ""}</p>
<table>
<tr><th>when</th><th>asked</th><th>outcome</th><th>served by</th><th>checked</th></tr>
${status.recent.map(row).join("\n")}
</table>
</html>
`;

const row = (one: Verification): string => `<tr>
<td>${text(one.at)}</td>
<td>${text(one.model ?? "")}<br>${text(one.endpoint)}</td>
<td class="${one.outcome}">${one.outcome}${one.error ? `<br>${text(one.error.code)}` : ""}</td>
<td>${one.machine ? `${text(one.machine.serial ?? one.machine.providerId)}<br>${text(one.machine.chip)}, ${text(one.machine.level)}` : ""}</td>
<td>${checked(one)}</td>
</tr>`;

function checked({ steps, error, jobId }: Verification): string {
  const count = (status: Step["status"]): number => steps.filter((step) => step.status === status).length;
  const summary = `${count("pass")} pass, ${count("fail")} fail, ${count("unknown")} unknown`;
  const told = error ? `<p>${text(error.message)}</p>` : "";
  if (steps.length === 0) return told;
  return `<details><summary>${summary}</summary>${told}<p>${text(jobId ?? "")}</p><table>${steps.map(stepRow).join("")}</table></details>`;
}

const stepRow = ({ id, claim, status, source, seen }: Step): string =>
  `<tr><td class="${status}">${status}</td><td>${text(claim)}<br>${text(id)}</td><td>${text(seen)}</td><td>by ${text(source)}</td></tr>`;

/** Anybody's words, as text. */
const text = (words: string): string =>
  words.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 0};`);
