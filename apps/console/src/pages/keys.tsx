import { Button, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { When } from "../parts/figures.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Icon } from "../parts/icons.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { Bounds, KeyName, State } from "./keys/cells.tsx";
import { isLiveKey, keysQuery, type Key } from "./keys/keys-of.ts";
import { KeyDrawer } from "./keys/key-drawer.tsx";
import { NewKey } from "./keys/new-key.tsx";
import { SecretShown } from "./keys/secret-shown.tsx";

const columns: readonly Column<Key>[] = [
  { name: "Key", isName: true, cell: (key) => <KeyName apiKey={key} /> },
  { name: "State", cell: (key) => <State apiKey={key} /> },
  { name: "Bounds", cell: (key) => <Bounds apiKey={key} /> },
  {
    name: "Last used",
    isNumber: true,
    cell: ({ last_used_at }) => (last_used_at === null ? "never" : <When at={last_used_at} />),
  },
  { name: "Made", isNumber: true, cell: ({ created_at }) => <When at={created_at} /> },
];

const readers = { show: oneOf("live", "all"), key: anyText };

/** The API keys of one's account: made, bounded, replaced and ended here. */
export default function Keys(): ReactNode {
  const query = useInfiniteQuery(keysQuery);
  const [filters, change] = useFilters(readers);
  const [isMaking, setMaking] = useState(false);
  const [secret, setSecret] = useState<string>();
  const keys = query.data?.pages.flatMap(({ data }) => data);
  return (
    <Page
      title="Keys"
      intro="A program shows a key to ask for answers on your account. What bounds it can be changed at any time, and counts for its next request."
      actions={
        <Button leftSection={<Icon name="add" />} onClick={() => setMaking(true)}>
          New key
        </Button>
      }
    >
      <Panel
        title="Keys"
        aside={
          <SegmentedControl
            size="xs"
            aria-label="Which keys"
            value={filters.show}
            onChange={(show) => change({ show })}
            data={[
              { value: "live", label: "Not revoked" },
              { value: "all", label: "All" },
            ]}
          />
        }
      >
        {keys ? (
          <Listed
            keys={keys.filter((key) => filters.show === "all" || isLiveKey(key))}
            onOpen={(key) => change({ key })}
            onNew={() => setMaking(true)}
          />
        ) : query.error ? (
          <Failed error={query.error} retry={() => void query.refetch()} />
        ) : (
          <Loading />
        )}
      </Panel>
      {query.hasNextPage && (
        <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
      <NewKey isOpen={isMaking} onClose={() => setMaking(false)} onMade={setSecret} />
      <KeyDrawer
        apiKey={keys?.find(({ id }) => id === filters.key)}
        onClose={() => change({ key: "" })}
        onRotated={setSecret}
      />
      <SecretShown secret={secret} onClose={() => setSecret(undefined)} />
    </Page>
  );
}

interface ListedProps {
  readonly keys: readonly Key[];
  readonly onOpen: (id: string) => void;
  readonly onNew: () => void;
}

function Listed({ keys, onOpen, onNew }: ListedProps): ReactNode {
  if (keys.length === 0)
    return (
      <Empty icon="keys" title="No keys yet" action={<Button onClick={onNew}>Make the first</Button>}>
        Change an SDK's base URL and give it the key; nothing else.
      </Empty>
    );
  return <Rows label="Keys" columns={columns} rows={keys} keyOf={({ id }) => id} onOpen={({ id }) => onOpen(id)} />;
}
