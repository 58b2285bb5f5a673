import type { ReactNode } from "react";

/** Drawn for this page, on a grid of 20, in the colour of the text around them. */
const drawn = {
  network:
    "M10 3.5v4M10 12.5v4M4.5 6.8 8 8.9M12 11.1l3.5 2.1M15.5 6.8 12 8.900M8 11.100l-3.5 2.100M10 7.500a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  models: "M10 2.8 16.5 6v8L10 17.2 3.5 14V6ZM3.5 6 10 9.3 16.5 6M10 9.300v7.9",
  docs: "M4 3.500h5a2 2 0 0 1 2 2v11a1.5 1.5 0 0 0-1.5-1.500H4ZM16 3.500h-3a2 2 0 0 0-2 2M16 3.500V15h-3.500a1.5 1.5 0 0 0-1.5 1.5",
  overview: "M3.5 3.500h5v5h-5ZM11.5 3.500h5v8h-5ZM3.5 11.500h5v5h-5ZM11.5 14.500h5v2h-5Z",
  playground: "M3.5 4.500h13v9H9.500l-3.5 3v-3H3.500ZM7 8h6M7 10.500h4",
  activity: "M2.5 10.500h3.500l2.2-6 3.6 11 2.2-5H17.5",
  keys: "M12.5 3.500a4 4 0 1 0-1.6 7.700M12.5 3.500a4 4 0 0 1 1.3 7.800c-.9.3-1.9.2-2.8-.2L4.5 16.500H3v-2.300l6-6M13.5 7.500h.01",
  account: "M10 3.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM4 16.500c.5-3 2.8-4.5 6-4.500s5.5 1.5 6 4.5",
  team: "M7.5 4.500a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM2.5 15.500c.4-2.5 2.3-3.8 5-3.800s4.6 1.3 5 3.800M13 5a2.3 2.3 0 0 1 0 4.500M14.5 12c1.7.5 2.7 1.7 3 3.5",
  credits:
    "M3 6.500c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3ZM3 6.500v7c0 1.7 3.1 3 7 3s7-1.3 7-3v-7M3 10c0 1.7 3.1 3 7 3s7-1.3 7-3",
  machine: "M3.5 4h13v9h-13ZM7 16.500h6M10 13v3.500M6.5 7h3M6.5 9.500h5",
  add: "M10 4.500v11M4.5 10h11",
  payouts: "M3 5.500h14v9H3ZM10 7.800a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.400ZM5.5 10h.01M14.5 10h.01",
  live: "M10 8.500a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3ZM6.5 6.500a5 5 0 0 0 0 7M13.5 6.500a5 5 0 0 1 0 7M4 4a8.5 8.5 0 0 0 0 12M16 4a8.5 8.5 0 0 1 0 12",
  catalogue: "M4 4.500h12M4 8.200h12M4 11.800h12M4 15.500h7",
  ledger: "M5 3.500h10v13H5ZM8 7h4M8 10h4M8 13h2.5",
  audit: "M10 3 4.5 5v4.500c0 3.3 2.2 5.9 5.5 7 3.3-1.1 5.5-3.7 5.5-7V5ZM7.5 9.800l1.8 1.8 3.4-3.6",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  cross: "M5.5 5.500l9 9M14.5 5.500l-9 9",
  question: "M7.8 7.700a2.3 2.3 0 1 1 3.6 1.900c-.9.6-1.4 1.1-1.4 2.100M10 14.500h.01",
  sun: "M10 6.500a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10 2.500v1.500M10 16v1.500M2.5 10H4M16 10h1.500M4.7 4.700l1 1M14.3 14.300l1 1M15.3 4.700l-1 1M5.7 14.300l-1 1",
  moon: "M16.5 11.800A6.8 6.8 0 0 1 8.2 3.500a6.8 6.8 0 1 0 8.3 8.300Z",
  screen: "M3 4h14v9.500H3ZM7.5 16.500h5",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
  copy: "M7 7h9.500v9.500H7ZM13 7V3.500H3.500V13H7",
  lock: "M5 9h10v7.500H5ZM7 9V6.800a3 3 0 0 1 6 0V9",
  external: "M8 4H4v12h12v-4M11 4h5v5M16 4l-7.5 7.5",
  refresh: "M16 10a6 6 0 1 1-1.8-4.300M16 3.500v3.500h-3.5",
  stop: "M6 6h8v8H6Z",
  send: "M10 16V4.500M5 9.500l5-5 5 5",
} as const;

export type IconName = keyof typeof drawn;

/** Beside words; what stands alone has its own. */
export const Icon = ({ name, size = 16 }: { readonly name: IconName; readonly size?: number }): ReactNode => (
  <svg
    width={size}
    height={size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.5"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    <path d={drawn[name]} />
  </svg>
);
