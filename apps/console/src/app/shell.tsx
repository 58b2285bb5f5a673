import { Button, SegmentedControl, useMantineColorScheme, VisuallyHidden } from "@mantine/core";
import { Link, Outlet, useMatches, useRouterState } from "@tanstack/react-router";
import { useEffect, useState, type ReactNode } from "react";
import { useLive } from "../api/live.ts";
import { signOut, useMe, type Me } from "../api/me.ts";
import { Icon } from "../parts/icons.tsx";
import { AccountChoice } from "./account-choice.tsx";
import mark from "./mark.svg";
import { addressOf, maySee, pages, type Audience } from "./navigation.ts";
import classes from "./shell.module.css";

const headings: readonly (readonly [audience: Audience, heading: string | undefined])[] = [
  ["everyone", undefined],
  ["consumer", "Consumer"],
  ["provider", "Provider"],
  ["operator", "Operator"],
];

/** What is around every page: the list of pages, who is signed in, and the page itself. */
export function Shell(): ReactNode {
  const me = useMe();
  const isLive = useLive(me !== null && me !== undefined);
  const [isOpen, setOpen] = useState(false);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const title = useMatches({ select: (matches) => matches.at(-1)?.staticData.title });
  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    document.title = title === undefined ? "Darkbloom" : `${title} · Darkbloom`;
  }, [title]);
  return (
    <div className={classes["shell"]}>
      <a className={classes["skip"]} href="#page">
        Go to the page
      </a>
      <div className={classes["top"]}>
        <Brand />
        <button
          type="button"
          className={classes["menu"]}
          aria-expanded={isOpen}
          aria-controls="pages"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? "cross" : "menu"} size={20} />
          <VisuallyHidden>Pages</VisuallyHidden>
        </button>
      </div>
      <div className={classes["side"]} data-open={isOpen} id="pages">
        <div className={classes["brand"]}>
          <Brand />
        </div>
        {me && (
          <div className={classes["account"]}>
            <AccountChoice me={me} />
          </div>
        )}
        <nav aria-label="Pages" className={classes["nav"]}>
          {headings.map(([audience, heading]) => (
            <Group key={audience} heading={heading} audience={audience} me={me ?? null} />
          ))}
        </nav>
        <div className={classes["foot"]}>
          <Scheme />
          {me !== undefined && <Who me={me} isLive={isLive} />}
        </div>
      </div>
      <main id="page" className={classes["main"]} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

const Brand = (): ReactNode => (
  <Link to="/" className={classes["name"]}>
    <img src={mark} width={22} height={22} alt="" />
    Darkbloom
  </Link>
);

interface GroupProps {
  readonly heading: string | undefined;
  readonly audience: Audience;
  readonly me: Me | null;
}

function Group({ heading, audience, me }: GroupProps): ReactNode {
  const shown = pages.filter((page) => page.audience === audience && page.isHidden !== true && maySee(page, me));
  if (shown.length === 0) return null;
  return (
    <div>
      {heading !== undefined && <h2 className={classes["heading"]}>{heading}</h2>}
      <ul className={classes["list"]}>
        {shown.map((page) => (
          <li key={page.name}>
            <Link to={addressOf(page)} className={classes["link"]}>
              <Icon name={page.icon} size={17} />
              {page.title}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Light, dark, or as the reader's system has it; kept in this browser. */
function Scheme(): ReactNode {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const choice = (value: "light" | "auto" | "dark", icon: "sun" | "screen" | "moon", words: string) => ({
    value,
    label: (
      <span className={classes["scheme"]}>
        <Icon name={icon} size={15} />
        <VisuallyHidden>{words}</VisuallyHidden>
      </span>
    ),
  });
  return (
    <SegmentedControl
      size="xs"
      fullWidth
      aria-label="Colours"
      value={colorScheme}
      onChange={setColorScheme}
      data={[
        choice("light", "sun", "Light"),
        choice("auto", "screen", "As the system has it"),
        choice("dark", "moon", "Dark"),
      ]}
    />
  );
}

function Who({ me, isLive }: { readonly me: Me | null; readonly isLive: boolean }): ReactNode {
  if (me === null)
    return (
      <Button component="a" href="/sign-in" fullWidth>
        Sign in
      </Button>
    );
  return (
    <div className={classes["who"]}>
      <span
        className={classes["pulse"]}
        data-live={isLive}
        role="img"
        aria-label={isLive ? "Shown live" : "Not live now; it connects again"}
        title={isLive ? "Shown live" : "Not live now; it connects again"}
      />
      <span className={classes["person"]}>
        <span className={classes["personName"]}>{me.name}</span>
        <span className={classes["role"]}>{me.role}</span>
      </span>
      <Button variant="subtle" size="compact-sm" color="gray" onClick={() => void signOut()}>
        Sign out
      </Button>
    </div>
  );
}
