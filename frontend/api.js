// The only module that knows addresses.

// The page of a share link reads everything below that link; it has no other right.
const SHARED = /^\/s\/[^/]+/.exec(location.pathname)?.[0] ?? "";
const API = SHARED ? `${SHARED}/data` : "/api/v1";

/** Whether this page was opened by a share link: one run, to look at only. */
export const isShared = SHARED !== "";

/** Whether a sentence tells programs, not the reader of a page, what to do. */
export const isForPrograms = (text) => text.includes("/api/v1/");

/** An answer that was not a success: RFC 9457 problem+json, or no answer at all. */
export class Problem extends Error {
  /** @param {{code?: string, detail?: string, next_step?: string, status?: number, data?: object}} body */
  constructor(body) {
    super(body.detail ?? "");
    this.code = body.code ?? "error";
    this.nextStep = body.next_step ?? "";
    this.status = body.status ?? 0;
    this.data = body.data ?? {};
  }
}

export const addresses = {
  start: (query = {}) => `/?${new URLSearchParams(query)}`.replace(/\?$/, ""),
  run: (id) => `/runs/${encodeURIComponent(id)}`,
  jobs: () => "/jobs",
  /** @param {string[]} runs two of them, the first alone, or none yet */
  compare: (runs) => (runs.length ? `/compare?runs=${runs.map(encodeURIComponent).join(",")}` : "/compare"),
  inputs: () => "/library",
  access: () => "/access",
  /** @param {string} token of whoever is to open it, once */
  signIn: (token) => `${location.origin}/?${new URLSearchParams({ token })}`,
  /** @param {"model"|"dataset"|"log"} kind */
  add: (kind) => `/library/add/${kind}`,
  log: (id) => `/library/logs/${encodeURIComponent(id)}`,
  confirmLog: (id) => `/library/add/log?${new URLSearchParams({ log: id })}`,
  addDataset: (id) => `/library/add/dataset?${new URLSearchParams({ id })}`,
  events: (runs) => `${API}/events?runs=${runs.map(encodeURIComponent).join(",")}`,
  result: (id, query) => `${API}/runs/${encodeURIComponent(id)}/result?${new URLSearchParams(query)}`,
  snapshot: (id, query) => `${API}/runs/${encodeURIComponent(id)}/snapshot?${new URLSearchParams(query)}`,
  /** The files that an export keeps, all in one and one by one. */
  archive: (id) => `${API}/runs/${encodeURIComponent(id)}/archive`,
  file: (id, name) => `${API}/runs/${encodeURIComponent(id)}/files/${encodeURIComponent(name)}`,
  /** @param {boolean} texts whether texts of the dataset come along */
  bundle: (id, texts) => `${API}/runs/${encodeURIComponent(id)}/bundle${texts ? "?texts=1" : ""}`,
  /** @param {string[]} runs two of them */
  comparison: (runs, query) => `${API}/compare?${new URLSearchParams({ runs, ...query })}`,
  plotly: () => document.querySelector('meta[name="plotly"]').content,
};

/** @returns {{name: "start"|"run"|"jobs"|"compare"|"library"|"add_model"|"add_dataset"|"add_log"|"log"|"access"|"shared", id?: string}} the page that an address means */
export function pageOf(path) {
  if (isShared) return { name: "shared" };
  const run = /^\/runs\/([^/]+)\/?$/.exec(path);
  if (run) return { name: "run", id: decodeURIComponent(run[1]) };
  const add = /^\/library\/add\/(model|dataset|log)\/?$/.exec(path);
  if (add) return { name: `add_${add[1]}` };
  const log = /^\/library\/logs\/([^/]+)\/?$/.exec(path);
  if (log) return { name: "log", id: decodeURIComponent(log[1]) };
  if (["/jobs", "/compare", "/access"].includes(path)) return { name: path.slice(1) };
  return { name: path === "/library" ? "library" : "start" };
}

export const loadCatalogue = (lang) => request(new URL(`./i18n/${lang}.json`, import.meta.url));

export const listModels = () => request(`${API}/models`);
export const listDatasets = () => request(`${API}/datasets`);
/** @param {"models"|"datasets"} kind */
export const addInput = (kind, body) => send("POST", `${API}/${kind}`, body);
/** @param {"model"|"dataset"|"log"} kind @returns {Promise<object>} with how far each file is */
export const declareUpload = (kind, name, files) =>
  send("POST", `${API}/${kind}s`, { source: "upload", name, files });
/** @param {"model"|"dataset"|"log"} kind */
export const listInputs = (kind) => request(`${API}/${kind}s`);
export const getInput = (kind, id) => request(`${API}/${kind}s/${encodeURIComponent(id)}`);
export const deleteInput = (kind, id, derived = "keep") =>
  send("DELETE", `${API}/${kind}/${encodeURIComponent(id)}?derived=${derived}`);
/** @param {boolean} allow whether the model's chat template may be rendered */
export const allowTemplate = (id, allow) => send("POST", `${API}/models/${encodeURIComponent(id)}/template`, { allow });
/** @param {"models"|"datasets"|"logs"} kind @returns {Promise<object>} what depends on an input */
export const getDependents = (kind, id) => request(`${API}/${kind}/${encodeURIComponent(id)}/dependents`);

export const getMe = () => request(`${API}/me`);
export const endSession = () => send("POST", `${API}/session/end`);

export const previewDataset = (id, body, signal) =>
  send("POST", `${API}/datasets/${encodeURIComponent(id)}/preview`, body, signal);
export const confirmDataset = (id, body) => send("POST", `${API}/datasets/${encodeURIComponent(id)}/confirm`, body);

export const searchHub = (text, signal) =>
  request(`${API}/hub/models?${new URLSearchParams({ q: text.slice(0, 100) })}`, { signal });
/** @param {string} name owner/name */
export const checkHubModel = (name, revision) =>
  request(`${API}/hub/models/${hubPath(name)}${revision ? `?${new URLSearchParams({ revision })}` : ""}`);
/** @param {string} [path] the allowed folders themselves without one */
export const listFolders = (path) =>
  request(`${API}/folders${path === undefined ? "" : `?${new URLSearchParams({ path })}`}`);
export const checkFolder = (path) => request(`${API}/folders/model?${new URLSearchParams({ path })}`);

const logPart = (id, part) => `${API}/logs/${encodeURIComponent(id)}/${part}`;
/** @param {string} part preview, summary, datasets, or figures/ and a name */
export const readLog = (id, part, query = {}) => request(`${logPart(id, part)}?${new URLSearchParams(query)}`);
/** @param {"confirm"|"datasets"} part */
export const writeLog = (id, part, body) => send("POST", logPart(id, part), body);

export const listRuns = (query = {}) => request(`${API}/runs?${new URLSearchParams(query)}`);
export const getRun = (id) => request(`${API}/runs/${encodeURIComponent(id)}`);
export const submitRun = (body) => send("POST", `${API}/runs`, body);
export const estimateRun = (body, signal) => send("POST", `${API}/runs?estimate=1`, body, signal);
export const cancelRun = (id) => send("POST", `${API}/runs/${encodeURIComponent(id)}/cancel`);

export const getCitation = (id) => request(`${API}/runs/${encodeURIComponent(id)}/citation`);
const mediaType = ({ name }) => (name.toLowerCase().endsWith(".json") ? "application/json" : "application/zip");
/** @param {File} file a bundle, or a result that the command line wrote @returns {Promise<object>} its run */
export const importBundle = (file) =>
  request(`${API}/bundles`, { method: "POST", headers: { "Content-Type": mediaType(file) }, body: file });

/** @param {boolean} partial the latest intermediate numbers instead of the final ones */
export const getResult = (id, partial) =>
  request(addresses.result(id, partial ? { partial: "1" } : { format: "json" }));

export const getFigure = (id, name, query, signal) =>
  request(`${API}/runs/${encodeURIComponent(id)}/figures/${name}?${new URLSearchParams(query)}`, {
    signal,
  });

/** @param {string[]} runs two ids */
export const compareRuns = (runs) => request(addresses.comparison(runs));
export const getComparisonFigure = (runs, query) =>
  request(`${API}/compare/figures/profile?${new URLSearchParams({ runs, ...query })}`);

/** What is no owner/name becomes one that the server refuses with a sentence. */
function hubPath(name) {
  const [owner, ...rest] = name.split("/");
  return `${encodeURIComponent(owner || "-")}/${encodeURIComponent(rest.join("/") || "-")}`;
}

const TUS = { "Tus-Resumable": "1.0.0" };

/** @returns {Promise<number>} how many bytes of a file the server has */
export const fileOffset = (url, signal) => transfer(url, { method: "HEAD", headers: TUS, signal });

/** @param {string} checksum of the piece, or "" @returns {Promise<number>} where the next one begins */
export function sendPiece(url, offset, piece, checksum, signal) {
  const headers = { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": offset };
  if (checksum) headers["Upload-Checksum"] = checksum;
  return transfer(url, { method: "PATCH", headers, body: piece, signal });
}

async function transfer(url, options) {
  const response = await reach(url, options);
  if (response.ok) return Number(response.headers.get("Upload-Offset"));
  throw new Problem({ status: response.status, ...(await response.json().catch(() => ({}))) });
}

export const getSharedLink = () => request(API);
export const listShares = (run) => request(`${API}/shares?${new URLSearchParams({ run })}`);
export const createShare = (body) => send("POST", `${API}/shares`, body);
export const revokeShare = (id) => send("DELETE", `${API}/shares/${encodeURIComponent(id)}`);

export const listTokens = () => request(`${API}/tokens`);
export const createToken = (body) => send("POST", `${API}/tokens`, body);
export const revokeToken = (id) => send("DELETE", `${API}/tokens/${encodeURIComponent(id)}`);

function send(method, url, body, signal) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  return request(url, { method, headers, body: body && JSON.stringify(body), signal });
}

async function request(url, options = {}) {
  const response = await reach(url, options);
  if (response.status === 204) return null;
  if (isShared && response.status === 410) location.reload(); // the server says why the link has ended
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem({ status: response.status, ...body });
  return body;
}

async function reach(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable" });
  }
}
