import { config } from "zod";

// The page's policy lets no text become code, and a try alone would be reported. What checks by schemas imports this first.
config({ jitless: true });
