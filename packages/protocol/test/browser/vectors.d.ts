declare module "virtual:vectors" {
  const vectors: Readonly<Record<string, string>>;
  export default vectors;
}
