// What can be asked of each kind, field by field: what everybody is asked, and what stands under "more".

import { ACTIONS, FITTINGS } from "../view_keys.js";
import { READING } from "./reading_fields.js";

const number = (low, high, more = {}) => ({ type: "number", min: low, max: high, step: 1, ...more });
const tokens = number(64, 50_000_000);
const choice = (...options) => ({ type: "choice", options });
const flags = (prefix, options, standard) => ({ type: "flags", prefix, options, standard });
const passage = { type: "area", maxlength: 2000, rows: 4 };
const plan = { type: "text", placeholder: "12:drop,13-15:linear" };
const healed = { type: "text" };
const shards = number(1_000_000, 1_000_000_000_000, { placeholder: "5000000000" });
const fitting = choice("one_shot", "sequential");

const NAMED = ["update_linearity", "stream_linearity", "block_influence", "single_damage"];
const STRATEGIES = [...NAMED.slice(0, 3), "span_angular", "greedy_loss", "single_damage", "random"];
const COMMON = {
  context: number(8, 131_072, { placeholder: "256" }),
  seed: number(0, 4_294_967_295, { placeholder: "0" }),
  ridge: number(0, 1000, { step: "any", placeholder: "auto" }),
};
const SCORED = { heldout: number(0.05, 0.5, { step: 0.05, placeholder: "0.25" }), exclude: choice("sinks", "first", "none") };
const ALL_TOKENS = number(512, 50_000_000);
const SPLIT_TOKENS = { fit_tokens: tokens, select_tokens: { ...tokens, placeholder: "2048" } };

const STATES = { pairs: choice("auto", "all", "adjacent"), granularity: choice("block", "sublayer") };

/** By kind. */
export const FIELDS = {
  linearity: {
    main: { tokens: ALL_TOKENS, protocol: choice("standard", "paper") },
    more: { ...COMMON, repeats: number(1, 20, { placeholder: "1" }), ...SCORED, ...STATES, ...READING },
  },
  ablation: {
    main: {
      strategies: flags("strategy", STRATEGIES, NAMED),
      actions: flags("action", ACTIONS, ["drop", "linear"]),
      changed: number(1, 10_000, { placeholder: "10" }),
    },
    more: {
      fitting: flags("fitting", FITTINGS, ["one_shot"]),
      interaction: number(0, 10_000, { placeholder: "8" }),
      random_seeds: number(5, 50, { placeholder: "5" }),
      ...SPLIT_TOKENS,
      ...COMMON,
      ...READING,
    },
  },
  plan: {
    main: { plan, split: choice("select", "report"), fidelity: choice("full", "preview") },
    more: { fitting, ...SPLIT_TOKENS, report_tokens: { ...tokens, placeholder: "4096" }, ...COMMON, ...READING },
  },
  heal: {
    main: {
      plan,
      train: choice("auto", "maps", "adapters", "all"),
      steps: number(1, 1_000_000, { placeholder: "200" }),
      split: choice("report", "select"),
    },
    more: {
      objective: choice("distil", "text"),
      sweep: { type: "text" },
      learning_rate: number(0, 1, { step: "any" }),
      batch: number(1, 4096, { placeholder: "8" }),
      alpha: number(0, 1_000_000, { step: "any", placeholder: "1" }),
      rank: number(1, 1024, { placeholder: "8" }),
      healed,
      fitting,
      ...SPLIT_TOKENS,
      report_tokens: { ...tokens, placeholder: "4096" },
      ...COMMON,
      ...READING,
    },
  },
  export: {
    main: { plan },
    more: { healed, max_shard_bytes: shards, fitting, ...SPLIT_TOKENS, ...COMMON, ...READING },
  },
  passage: {
    main: { text: passage, tokens: ALL_TOKENS },
    more: { ...COMMON, ...SCORED, ...READING },
  },
  answers: {
    main: {
      plan,
      prompts: number(1, 10_000, { placeholder: "200" }),
      new_tokens: number(1, 131_072, { placeholder: "32" }),
    },
    more: {
      canaries: { type: "canaries" },
      prompt_tokens: number(1, 131_072, { placeholder: "32" }),
      template: choice("auto", "none", "chat"),
      fitting,
      healed,
      fit_tokens: tokens,
      ...COMMON,
    },
  },
  speed: {
    main: {
      plan,
      batches: { type: "numbers", placeholder: "1, 8" },
      prompt_tokens: number(2, 131_072, { words: "speed_prompt_tokens" }),
      new_tokens: number(2, 131_072, { words: "speed_new_tokens" }),
    },
    more: {
      pairs: number(10, 200, { placeholder: "10", words: "speed_pairs" }),
      warmup: number(1, 50, { placeholder: "2" }),
      take: number(1, 10_000, { placeholder: "1" }),
      fitting,
      fit_tokens: tokens,
      ...COMMON,
    },
  },
  benchmark: {
    main: { plan, questions: { type: "questions" }, tasks: { type: "text", placeholder: "arc_easy, piqa" } },
    more: {
      limit: number(0, 1_000_000, { placeholder: "0" }),
      few_shot: number(0, 64, { placeholder: "0" }),
      ending: { type: "area", rows: 2, maxlength: 200, standard: "\nAnswer:" },
      chat: { type: "yes", options: ["no", "yes"] },
      healed,
      fitting,
      fit_tokens: tokens,
      ...COMMON,
    },
  },
};
