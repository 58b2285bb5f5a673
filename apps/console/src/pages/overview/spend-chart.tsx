import { mostOf } from "@darkbloom/protocol/lists";
import { VisuallyHidden } from "@mantine/core";
import type { ReactNode } from "react";
import { Money, shortUsd } from "../../parts/figures.tsx";
import { roundUp, type Day } from "./spend.ts";
import classes from "./overview.module.css";

/** Of the drawing, which is stretched to its place: a day is a hundred wide. */
const HEIGHT = 100;
const DAY = 100;
const BAR = 70;

const inShort = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** What each day cost, by model; for who does not see it the same as a table. */
export function SpendChart({ days }: { readonly days: readonly Day[] }): ReactNode {
  const top = roundUp(mostOf(days.map(({ micro }) => micro)));
  const width = days.length * DAY;
  return (
    <figure className={classes["chart"]}>
      <div className={classes["plot"]} aria-hidden="true">
        <span className={classes["mark"]}>{shortUsd(top)}</span>
        <span className={classes["mark"]} data-half>
          {shortUsd(top / 2)}
        </span>
        <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" className={classes["drawing"]}>
          {days.map((day, place) => (
            <Bar key={day.date.getTime()} day={day} left={place * DAY} top={top} />
          ))}
        </svg>
      </div>
      <div className={classes["ends"]} aria-hidden="true">
        <span>{days[0] && inShort.format(days[0].date)}</span>
        <span>today</span>
      </div>
      <VisuallyHidden component="div">
        <table>
          <caption>Spend by day</caption>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">Spent</th>
              <th scope="col">Requests</th>
            </tr>
          </thead>
          <tbody>
            {days.map(({ date, micro, requests }) => (
              <tr key={date.getTime()}>
                <th scope="row">{inShort.format(date)}</th>
                <td>
                  <Money micro={micro} />
                </td>
                <td>{requests}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}

interface BarProps {
  readonly day: Day;
  readonly left: number;
  /** What is as high as the drawing. */
  readonly top: number;
}

function Bar({ day: { date, micro, requests, parts }, left, top }: BarProps): ReactNode {
  const heights = parts.map((part) => (HEIGHT * part) / top);
  return (
    <g>
      <title>{`${inShort.format(date)}: ${shortUsd(micro)}, ${requests} requests`}</title>
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
    </g>
  );
}
