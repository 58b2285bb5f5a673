export const vectorsFolder = new URL("../../../vectors/", import.meta.url);
export const vectorFile = (name: string): URL => new URL(`${name}.json`, vectorsFolder);
