// Which columns make a record: one text, a prompt with its response, or a conversation.

import { h, switches } from "../dom.js";
import { t } from "../i18n.js";
import { choice, field } from "./dataset_fields.js";

const SHAPES = { text: ["text"], prompt: ["prompt", "response"], messages: ["messages"] };

export function columnFields({ facts, options, change }) {
  if (facts.columns.length === 0) return null;
  const names = facts.columns.map(({ name }) => name);
  const own = ["text", "prompt", "messages"].some((role) => options[role]);
  const chosen = own ? options : (facts.chosen ?? {});
  const shape = Object.keys(SHAPES).find((name) => chosen[name]) ?? "text";
  const set = (changes) => change({ ...nothing, ...pick(chosen, [...SHAPES[shape], "category"]), ...changes });
  const optional = ["response", "category"];
  return [
    h("h3", {}, t("dataset_record")),
    switches({
      label: t("dataset_record"),
      current: shape,
      options: Object.keys(SHAPES).map((value) => ({ value, text: t(`record_${value}`) })),
      choose: (value) => change({ ...nothing, category: chosen.category ?? null, [value]: guess(facts, value, chosen.category) }),
    }),
    h(
      "div",
      { class: "fields" },
      [...SHAPES[shape], "category"].map((role) => {
        const values = optional.includes(role) || !chosen[role] ? ["", ...names] : names;
        const text = (value) => value || t(optional.includes(role) ? "no_column" : "choose_column");
        return field(role, choice(role, values, chosen[role] ?? "", text, (value) => set({ [role]: value || null })));
      }),
    ),
  ];
}

const nothing = { text: null, prompt: null, response: null, messages: null, category: null };

/** The column that this is likeliest: conversations by their kind, texts by their length. */
function guess({ columns }, role, category) {
  const kind = role === "messages" ? "messages" : "text";
  const fitting = columns.filter((column) => column.kind === kind && column.name !== category);
  const longest = fitting.reduce((best, column) => (column.characters > (best?.characters ?? -1) ? column : best), null);
  return (longest ?? columns[0]).name;
}

const pick = (values, names) => Object.fromEntries(names.map((name) => [name, values[name] ?? null]));
