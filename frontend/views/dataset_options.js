// How a dataset is read, as the server is told.

/** What was only recognised is confirmed too: what people saw is what they get. */
export function settled({ options, facts }) {
  const [first] = facts.files;
  const same = (key) => facts.files.every((file) => JSON.stringify(file[key] ?? null) === JSON.stringify(first[key] ?? null));
  const recognised = {
    ...(first.encoding && same("encoding") ? { encoding: first.encoding.chosen } : {}),
    ...(first.format === "csv" && same("delimiter") ? { delimiter: first.delimiter, header: first.header } : {}),
    ...(first.format === "text" || options.text || options.prompt || options.messages ? {} : facts.chosen),
  };
  return sent({ ...recognised, ...options });
}

/** Without what was left open. */
export const sent = (options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null && value !== undefined && value !== ""));
