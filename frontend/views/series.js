// Models of one series stand together in the library, in the order in which they were registered.

/**
 * @param {object[]} items inputs, oldest first
 * @returns {{series: string|null, items: object[]}[]} what belongs to no series first
 */
export function bySeries(items) {
  const alone = items.filter(({ series }) => !series);
  const names = [...new Set(items.map(({ series }) => series).filter(Boolean))];
  const groups = names.map((series) => ({ series, items: inOrder(items, series) }));
  return alone.length ? [{ series: null, items: alone }, ...groups] : groups;
}

const inOrder = (items, series) =>
  items.filter((item) => item.series === series).sort((one, other) => placeOf(one) - placeOf(other));

const placeOf = ({ options }) => options?.place ?? 0;
