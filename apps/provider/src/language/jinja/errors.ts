/** Why a template did not render: its own words, a mistake of its own, or something of Jinja2 that is not known here. */
export type TemplateFault = "raised" | "failed" | "unsupported";

/** The words may quote the template and what was rendered, so they are for the one who loads a model, and no caller's. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly fault: TemplateFault;

  constructor(fault: TemplateFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

export const failed = (message: string): TemplateError => new TemplateError("failed", message);
export const unsupported = (message: string): TemplateError => new TemplateError("unsupported", message);
