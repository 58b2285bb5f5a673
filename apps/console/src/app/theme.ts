import { createTheme, Drawer, Modal } from "@mantine/core";

/** What theme.css cannot say. */
export const theme = createTheme({
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    // Its lock is a style that is written into the page; theme.css locks instead.
    Modal: Modal.extend({ defaultProps: { lockScroll: false, centered: true } }),
    Drawer: Drawer.extend({ defaultProps: { lockScroll: false, position: "right" } }),
    Button: { defaultProps: { size: "sm" } },
  },
});

/** Where the library keeps what the reader chose. */
const KEPT = "mantine-color-scheme-value";

/** Before anything is drawn, so that nobody who chose dark sees a flash of light. */
export function setSchemeEarly(): void {
  const chosen = localStorage.getItem(KEPT);
  const isDark =
    chosen === "dark" || (chosen !== "light" && globalThis.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset["mantineColorScheme"] = isDark ? "dark" : "light";
}
