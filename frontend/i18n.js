// Words of the page in its language. Keys are the same in every catalogue (a test compares them).

import { loadCatalogue } from "./api.js";

/** @type {Record<string, string>} */
let words = {};
let loaded = "";

/** Make `t` speak a language. */
export async function speak(lang) {
  if (lang === loaded) return;
  words = await loadCatalogue(lang);
  loaded = lang;
}

export const language = () => loaded || "en";

/**
 * @param {string} key
 * @param {Record<string, string|number>} [values] for the places in braces
 */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @returns {string} the text of a key, or what the server said where we have no words for it */
export const tOr = (key, otherwise, values = {}) => (key in words ? t(key, values) : otherwise);
