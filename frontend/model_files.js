// Which files of a chosen folder make up a model, by name; the server judges again.

const SMALL = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "tokenizer.model",
  "chat_template.jinja",
  "generation_config.json",
  "model.safetensors.index.json",
];
const BESIDE = ["vocab.json", "merges.txt", "added_tokens.json"];
const NOTICE = /^(LICEN[CS]E|NOTICE|COPYING|USE_POLICY)([-_][a-z0-9_-]{1,40})?(\.(txt|md|rst))?$/i;
const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors$/;
const REFUSED = [
  ["pickle", /\.(bin|pt|pth|pkl|ckpt|pickle|npy|npz|joblib)$/i],
  ["format", /\.(h5|hdf5|gguf|ggml|onnx|msgpack|tflite)$/i],
  ["archive", /\.(zip|tar|gz|tgz|bz2|xz|zst|7z|rar)$/i],
  ["code", /\.(py|so|sh|exe|dll|js|html|ipynb)$/i],
];

/**
 * @param {{path: string, file: File}[]} found with paths relative to what was chosen
 * @returns {{kept: {name: string, size: number, file: File}[], left: {name: string, reason: string}[], folder: string}}
 */
export function sortModelFiles(found) {
  const folder = commonFolder(found.map(({ path }) => path));
  const kept = [];
  const left = [];
  for (const { path, file } of found) {
    const name = folder ? path.slice(folder.length + 1) : path;
    const reason = reasonToLeave(name);
    if (reason) left.push({ name, reason });
    else if (kept.some((other) => other.name === name)) left.push({ name, reason: "twice" });
    else kept.push({ name, size: file.size, file });
  }
  kept.sort((one, other) => (one.name < other.name ? -1 : 1));
  return { kept, left, folder };
}

/** @returns {string[]} what a model cannot do without and these files do not have */
export function missingFiles(names) {
  const missing = ["config.json", "tokenizer.json"].filter((name) => !names.includes(name));
  const shards = names.filter((name) => name.startsWith("model-"));
  if (!shards.length) return names.includes("model.safetensors") ? missing : [...missing, "model.safetensors"];
  const count = Number(shards[0].slice(15, 20));
  const wanted = Array.from({ length: Math.min(count, 1000) }, (_, index) => shardName(index + 1, count));
  return [...missing, ...[SMALL[7], ...wanted].filter((name) => !names.includes(name))];
}

/** Hidden files of the system are left out without a word. */
export const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));

function reasonToLeave(name) {
  if (name.includes("/")) return "subfolder";
  if ([...SMALL, ...BESIDE].includes(name) || NOTICE.test(name) || WEIGHTS.test(name)) return null;
  return REFUSED.find(([, end]) => end.test(name))?.[0] ?? "not_needed";
}

/** The folder that all files lie in, when a whole folder was chosen. */
function commonFolder(paths) {
  const first = paths[0]?.split("/")[0];
  return paths.length && paths.every((path) => path.startsWith(`${first}/`)) ? first : "";
}

const shardName = (number, count) => {
  const digits = (value) => String(value).padStart(5, "0");
  return `model-${digits(number)}-of-${digits(count)}.safetensors`;
};
