import type { ReactNode } from "react";
import classes from "./page.module.css";

interface PageProps {
  readonly title: string;
  /** What it is for, in a sentence. */
  readonly intro?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page's frame: every page is one. */
export const Page = ({ title, intro, actions, children }: PageProps): ReactNode => (
  <div className={classes["page"]}>
    <header className={classes["head"]}>
      <div>
        <h1 className={classes["title"]}>{title}</h1>
        {intro !== undefined && <p className={classes["intro"]}>{intro}</p>}
      </div>
      {actions !== undefined && <div className={classes["actions"]}>{actions}</div>}
    </header>
    {children}
  </div>
);

interface PanelProps {
  readonly title?: string;
  /** Beside the title: a filter, a count. */
  readonly aside?: ReactNode;
  /** Room around what is in it; a table brings its own. */
  readonly isPadded?: boolean;
  readonly children: ReactNode;
}

/** A part of a page, with a border of its own. */
export const Panel = ({ title, aside, isPadded = false, children }: PanelProps): ReactNode => (
  <section className={classes["panel"]} aria-label={title}>
    {(title !== undefined || aside !== undefined) && (
      <div className={classes["bar"]}>
        {title !== undefined && <h2 className={classes["subtitle"]}>{title}</h2>}
        {aside !== undefined && <div className={classes["aside"]}>{aside}</div>}
      </div>
    )}
    <div className={isPadded ? classes["padded"] : undefined}>{children}</div>
  </section>
);

interface Figure {
  readonly label: string;
  readonly value: ReactNode;
  /** Smaller, below: of what, since when. */
  readonly note?: ReactNode;
}

/** Some figures in a row. */
export const Figures = ({ figures }: { readonly figures: readonly Figure[] }): ReactNode => (
  <dl className={classes["figures"]}>
    {figures.map(({ label, value, note }) => (
      <div key={label} className={classes["figure"]}>
        <dt>{label}</dt>
        <dd>
          <span className={classes["value"]}>{value}</span>
          {note !== undefined && <span className={classes["note"]}>{note}</span>}
        </dd>
      </div>
    ))}
  </dl>
);
