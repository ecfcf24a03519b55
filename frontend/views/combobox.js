// A text field with suggestions, after the ARIA pattern of an editable combobox with a list.

import { fill, h } from "../dom.js";

const DELAY_MS = 250;

/**
 * @template Item
 * @param {object} options
 * @param {string} options.id
 * @param {string} options.label
 * @param {string} options.placeholder
 * @param {(text: string, signal: AbortSignal) => Promise<Item[]>} options.search shows its own errors
 * @param {(item: Item) => (Node|string)[]} options.describe
 * @param {(item: Item) => string} options.textOf what stands in the field once it is chosen
 * @param {(text: string) => void} options.accept Enter was pressed, or a suggestion chosen
 * @returns {{element: HTMLElement, input: HTMLInputElement}}
 */
export function combobox({ id, label, placeholder, search, describe, textOf, accept }) {
  const list = h("ul", { id: `${id}-list`, role: "listbox", class: "suggestions", "aria-label": label, hidden: true });
  const input = h("input", {
    id,
    type: "text",
    role: "combobox",
    placeholder,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  });
  const box = { items: [], active: -1, timer: 0, asked: null };

  const close = () => {
    clearTimeout(box.timer);
    box.asked?.abort();
    box.active = -1;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (item) => {
    input.value = textOf(item);
    close();
    accept(input.value);
  };
  const move = (to) => {
    const options = [...list.children];
    box.active = (to + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === box.active)));
    options[box.active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[box.active].id);
  };
  const show = (items) => {
    box.items = items;
    box.active = -1;
    fill(list, items.map((item, index) => option(item, index)));
    list.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(items.length > 0));
    input.removeAttribute("aria-activedescendant");
  };
  const option = (item, index) =>
    h(
      "li",
      {
        id: `${id}-option-${index}`,
        role: "option",
        "aria-selected": "false",
        // Before the field loses the focus and closes the list.
        on: { pointerdown: (event) => event.preventDefault(), click: () => choose(item) },
      },
      describe(item),
    );
  const ask = async () => {
    box.asked?.abort();
    const asked = new AbortController();
    box.asked = asked;
    const items = await search(input.value.trim(), asked.signal);
    if (!asked.signal.aborted && document.activeElement === input) show(items);
  };
  const later = () => {
    clearTimeout(box.timer);
    box.timer = setTimeout(ask, DELAY_MS);
  };

  const keys = {
    ArrowDown: () => (list.hidden ? ask() : move(box.active + 1)),
    ArrowUp: () => !list.hidden && move(box.active < 0 ? -1 : box.active - 1),
    Escape: () => (list.hidden ? (input.value = "") : close()),
    Enter: () => {
      if (box.active >= 0 && !list.hidden) return choose(box.items[box.active]);
      const text = input.value.trim();
      close();
      return text && accept(text);
    },
  };
  const keydown = (event) => {
    if (event.isComposing || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  };
  const focus = () => !input.value && later();
  for (const [name, listener] of Object.entries({ input: later, keydown, focus, blur: close })) {
    input.addEventListener(name, listener);
  }
  const field = h("div", { class: "field combobox" }, h("label", { for: id }, label), input, list);
  return { element: field, input };
}
