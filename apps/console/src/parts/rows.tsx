import type { ReactNode } from "react";
import classes from "./rows.module.css";

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ReactNode;
  /** Numbers stand at the end. */
  readonly isNumber?: boolean;
  /** Sentences: on a narrow page below the column's name. */
  readonly isText?: boolean;
  /** What a row is called by; first, and bold where rows are cards. */
  readonly isName?: boolean;
}

interface RowsProps<Row> {
  /** What it lists, for who does not see it. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly onOpen?: (row: Row) => void;
}

/** A table; on a narrow page each row is a card with its columns' names. */
export function Rows<Row>({ label, columns, rows, keyOf, onOpen }: RowsProps<Row>): ReactNode {
  return (
    <div className={classes["frame"]} tabIndex={0} role="region" aria-label={label}>
      <table className={classes["rows"]}>
        <thead>
          <tr>
            {columns.map(({ name, isNumber }) => (
              <th key={name} scope="col" data-number={isNumber}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-opens={onOpen !== undefined} onClick={onOpen && (() => onOpen(row))}>
              {columns.map(({ name, cell, isNumber, isText, isName }) => (
                <td key={name} data-label={name} data-number={isNumber} data-text={isText} data-name={isName}>
                  {isName && onOpen ? (
                    <button type="button" className={classes["open"]}>
                      {cell(row)}
                    </button>
                  ) : (
                    cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
