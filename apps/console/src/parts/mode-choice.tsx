import { SegmentedControl } from "@mantine/core";
import type { ReactNode } from "react";
import type { Mode } from "../api/darkbloom.ts";

interface ModeChoiceProps {
  readonly mode: Mode;
  readonly canSeal: boolean;
  readonly onChange: (mode: Mode) => void;
}

/** Who is to read a request: machines alone, or the coordinator too. */
export const ModeChoice = ({ mode, canSeal, onChange }: ModeChoiceProps): ReactNode => (
  <SegmentedControl
    fullWidth
    size="xs"
    aria-label="Who can read"
    value={mode}
    onChange={onChange}
    data={[
      { value: "sealed", label: "Sealed", disabled: !canSeal },
      { value: "transparent", label: "Transparent" },
    ]}
  />
);
