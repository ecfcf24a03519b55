// Small helpers that make elements. Text always goes in as text.

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `on` holds listeners; true and false set and leave out
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") listen(element, value);
    else if (name === "value") element.value = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  fill(element, ...children);
  return element;
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child || child === 0).map(node));
}

/** @returns {boolean} whether the view must be drawn again: its inputs differ from last time */
export function changed(element, ...inputs) {
  const key = JSON.stringify(inputs);
  if (seen.get(element) === key) return false;
  seen.set(element, key);
  return true;
}

const seen = new WeakMap();

/** A group of buttons of which one is pressed. */
export function switches({ label, options, current, choose }) {
  const buttons = options.map(({ value, text, disabled, why }) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(value === current),
        disabled,
        title: why,
        on: { click: () => choose(value) },
      },
      text,
    ),
  );
  return h("div", { class: "switches", role: "group", "aria-label": label }, buttons);
}

/** Put the same control in focus again after a region was drawn anew. */
export function keepingFocus(element, draw) {
  const inside = element.contains(document.activeElement);
  const index = inside ? focusable(element).indexOf(document.activeElement) : -1;
  draw();
  if (index >= 0) focusable(element)[index]?.focus({ preventScroll: true });
}

/** Put back what was typed and ticked, after a region was drawn anew in another language. */
export function keepingTyped(element, draw) {
  const typed = new Map(fields(element).map((field) => [fieldKey(field), [field.value, field.checked]]));
  draw();
  for (const field of fields(element)) {
    const [value, checked] = typed.get(fieldKey(field)) ?? [field.value, field.checked];
    if (["checkbox", "radio"].includes(field.type)) field.checked = checked;
    else if (field.type !== "file") field.value = value;
  }
}

const fields = (element) => [...element.querySelectorAll("input, select, textarea")];
const fieldKey = ({ id, name, type, value }) => id || [name, type === "checkbox" || type === "radio" ? value : ""].join("=");

const focusable = (element) => [...element.querySelectorAll("a[href], button, input, select, textarea, summary")];

function listen(element, listeners) {
  for (const [event, listener] of Object.entries(listeners)) {
    element.addEventListener(event, listener);
  }
}

const node = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));
