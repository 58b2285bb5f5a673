import { mostOf } from "@darkbloom/protocol/lists";
import { VisuallyHidden } from "@mantine/core";
import type { ReactNode } from "react";
import { roundUp } from "./axis.ts";
import { exactUsd, Money, shortUsd } from "./figures.tsx";
import classes from "./day-chart.module.css";

/** Of the drawing, which is stretched to its place: a day is a hundred wide. */
const HEIGHT = 100;
const DAY = 100;
const BAR = 70;

/** One bar. */
export interface ChartDay {
  readonly date: Date;
  readonly micro: number;
  /** Requests or answers. */
  readonly count: number;
  /** Micro-USD of each of the series; together `micro`. */
  readonly parts: readonly number[];
}

interface DayChartProps {
  readonly days: readonly ChartDay[];
  /** What it is, e.g. `Spend by day`, and what its figures are. */
  readonly title: string;
  readonly amounts: string;
  readonly counts: string;
  /** Of days that are not the reader's own. */
  readonly timeZone?: "UTC";
}

/** Money of each day, in series; for who does not see it the same as a table. */
export function DayChart({ days, title, amounts, counts, timeZone }: DayChartProps): ReactNode {
  const top = roundUp(mostOf(days.map(({ micro }) => micro)));
  const width = days.length * DAY;
  const inShort = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone });
  return (
    <figure className={classes["chart"]}>
      <div className={classes["plot"]} aria-hidden="true">
        <span className={classes["mark"]}>{shortUsd(top)}</span>
        <span className={classes["mark"]} data-half>
          {shortUsd(top / 2)}
        </span>
        <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" className={classes["drawing"]}>
          {days.map(({ date, micro, count, parts }, place) => (
            <g key={date.getTime()}>
              <title>{`${inShort.format(date)}: ${exactUsd(micro)}, ${count} ${counts.toLowerCase()}`}</title>
              <Bar parts={parts} left={place * DAY} top={top} />
            </g>
          ))}
        </svg>
      </div>
      <div className={classes["ends"]} aria-hidden="true">
        <span>{days[0] && inShort.format(days[0].date)}</span>
        <span>today</span>
      </div>
      <VisuallyHidden component="div">
        <table>
          <caption>{title}</caption>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">{amounts}</th>
              <th scope="col">{counts}</th>
            </tr>
          </thead>
          <tbody>
            {days.map(({ date, micro, count }) => (
              <tr key={date.getTime()}>
                <th scope="row">{inShort.format(date)}</th>
                <td>
                  <Money micro={micro} />
                </td>
                <td>{count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}

interface BarProps {
  readonly parts: readonly number[];
  readonly left: number;
  /** What is as high as the drawing. */
  readonly top: number;
}

function Bar({ parts, left, top }: BarProps): ReactNode {
  const heights = parts.map((part) => (HEIGHT * part) / top);
  return (
    <>
      <rect className={classes["day"]} x={left} y={0} width={DAY} height={HEIGHT} />
      {heights.map((height, series) => {
        const below = heights.slice(0, series).reduce((sum, one) => sum + one, 0);
        if (height === 0) return null;
        return (
          <rect
            key={series}
            className={classes["bar"]}
            data-series={series}
            x={left + (DAY - BAR) / 2}
            y={HEIGHT - below - height}
            width={BAR}
            height={height}
          />
        );
      })}
    </>
  );
}

/** The colour that a series has in the drawing. */
export const Swatch = ({ series }: { readonly series: number }): ReactNode => (
  <span className={classes["swatch"]} data-series={series} aria-hidden="true" />
);
