import { timeOf, type Output } from "../output.ts";
import type { Asking } from "./device.ts";

/** What a person has to do, and until when. */
export function showAsking(output: Output, { userCode, page, pageWithCode, untilMs }: Asking): void {
  const until = timeOf(untilMs);
  output.result(
    {
      event: "waiting",
      user_code: userCode,
      verification_uri: page,
      verification_uri_complete: pageWithCode ?? null,
      until,
    },
    () =>
      [
        `Open ${page} where you are signed in, and enter this code:`,
        `  ${userCode}`,
        ...(pageWithCode === undefined ? [] : [`or look there for the same code: ${pageWithCode}`]),
        `Waiting until ${until}. Ctrl-C gives up.`,
      ].join("\n"),
  );
}
