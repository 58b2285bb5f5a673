import "@mantine/core/styles.css";
import "./app/theme.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./app/queries.ts";
import { router } from "./app/router.tsx";
import { setSchemeEarly, theme } from "./app/theme.ts";

setSchemeEarly();
const place = document.querySelector("#root");
if (!place) throw new RangeError("the page has no place for the console");
createRoot(place).render(
  <StrictMode>
    {/* What it would write into the page as a style the policy forbids: its own files and ours say the same. */}
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
