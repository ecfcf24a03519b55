// Where two answers part: the text before, the word that differs, the text after.

const words = new Intl.Segmenter(undefined, { granularity: "word" });
const ENDED = "∅";

/**
 * Offsets count characters, not UTF-16 units. The marks reach at least over the first character that
 * differs: two tokens can differ and still begin with the same signs.
 *
 * @returns {{dense: string[], changed: string[]}} each of three texts; the middle is empty where nothing differs
 */
export function markedParts({ dense, changed, dense_before: one, changed_before: other, first_difference: first }) {
  if (first === null) return { dense: [dense, "", ""], changed: [changed, "", ""] };
  const [left, right] = [[...dense], [...changed]];
  const rests = [left.slice(one), right.slice(other)];
  const same = commonLength(...rests);
  const parts = (all, at, rest) => {
    const length = Math.max(firstWordLength(rest.join("")), same + 1);
    return [all.slice(0, at).join(""), rest.slice(0, length).join("") || ENDED, rest.slice(length).join("")];
  };
  return { dense: parts(left, one, rests[0]), changed: parts(right, other, rests[1]) };
}

function commonLength(one, other) {
  const at = one.findIndex((character, index) => character !== other[index]);
  return at < 0 ? one.length : at;
}

function firstWordLength(text) {
  let length = 0;
  for (const { segment } of words.segment(text)) {
    length += [...segment].length;
    if (segment.trim()) return length;
  }
  return length;
}
