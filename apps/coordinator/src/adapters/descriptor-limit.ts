import { ErrorForPeople } from "@darkbloom/protocol/for-people";
/** The message is a sentence for the operator. */
export class DescriptorLimitError extends ErrorForPeople {
  override readonly name = "DescriptorLimitError";

  constructor() {
    super(
      "This process may open too few files to serve anybody. Raise the limit ('ulimit -n 4096'), then start again.",
    );
  }
}

/** How many descriptors this process may have open now; undefined where the system sets no bound, or does not tell. */
export function descriptorLimit(): number | undefined {
  const { report } = process;
  if (!report) return undefined;
  // Looking up the names of open connections would take seconds.
  Object.assign(report, { excludeNetwork: true });
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : undefined;
}
