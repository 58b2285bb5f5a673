import { Drawer } from "@mantine/core";
import type { ReactNode } from "react";
import { makeKey, useChange } from "./keys-of.ts";
import { TermsForm } from "./terms-form.tsx";
import { firstTerms, plainDraft } from "./terms.ts";

interface NewKeyProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onMade: (secret: string) => void;
}

export function NewKey({ isOpen, onClose, onMade }: NewKeyProps): ReactNode {
  const making = useChange(makeKey);
  const close = (): void => {
    making.reset();
    onClose();
  };
  return (
    <Drawer opened={isOpen} onClose={close} size="lg" title="New key" closeButtonProps={{ "aria-label": "Close" }}>
      <TermsForm
        initial={plainDraft}
        submit="Make the key"
        isBusy={making.isPending}
        error={making.error}
        onSubmit={(draft) =>
          making.mutate(firstTerms(draft), {
            onSuccess: ({ key }) => {
              close();
              onMade(key);
            },
          })
        }
      />
    </Drawer>
  );
}
