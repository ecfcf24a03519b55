// A link that saves what is on the screen as one HTML file; its address follows the view.

import { addresses } from "../api.js";
import { h } from "../dom.js";
import { getState, viewTexts } from "../state.js";

/** @param {string} text @param {object} [attributes] @returns {HTMLElement} */
export function snapshotLink(text, attributes = {}) {
  const aim = () => link.setAttribute("href", address());
  // The view may have changed since the link was drawn, and a menu may copy the address.
  const link = h("a", { ...attributes, href: address(), download: "", on: { pointerdown: aim, click: aim, focus: aim } }, text);
  return link;
}

function address() {
  const { run, lang, theme } = getState();
  return addresses.snapshot(run.id, { lang, theme, ...viewTexts() });
}
