// The zone on one page. It asks the API with the token that was typed in, and asks again when
// /v1/events says that something happened. The token stays in this tab (sessionStorage). Whatever
// comes from the zone is put in as text, never as HTML.
"use strict";

const WORDS = {
  en: {
    other: "Tiếng Việt", token: "Access token", enter: "Show the zone", leave: "Forget the token",
    balance: "Grants", nodes: "Nodes", queue: "Jobs", live: "live", lost: "connecting again …",
    more: (shown, all) => `${shown} of ${all} jobs are shown; khu queue lists all.`,
    none: "none", unreachable: "khud cannot be reached.",
    grant: ["Grant", "Programme", "State", "Free", "Held", "Spent", "Until"],
    node: ["Node", "State", "Model", "GPUs free", "Cores free", "Jobs", "Reason"],
    job: ["Job", "Name", "User", "Phase", "Nodes", "GPUs", "Since", "Where or why"],
  },
  vi: {
    other: "English", token: "Mã truy cập", enter: "Xem khu", leave: "Quên mã truy cập",
    balance: "Hạn mức", nodes: "Nút", queue: "Tác vụ", live: "trực tiếp", lost: "đang kết nối lại …",
    more: (shown, all) => `Hiển thị ${shown} trên ${all} tác vụ; khu queue liệt kê tất cả.`,
    none: "không có", unreachable: "Không kết nối được khud.",
    grant: ["Hạn mức", "Chương trình", "Trạng thái", "Còn trống", "Đang giữ", "Đã dùng", "Đến"],
    node: ["Nút", "Trạng thái", "Loại GPU", "GPU trống", "Lõi trống", "Tác vụ", "Lý do"],
    job: ["Tác vụ", "Tên", "Người dùng", "Trạng thái", "Nút", "GPU", "Từ", "Ở đâu hoặc vì sao"],
  },
};
const ROWS = 200;             // of the queue; khu lists all
const BETWEEN_LOOKS_MS = 1000; // however much happens
const LOOK_ANYWAY_MS = 30000;  // nodes' free cores change without an event of ours

const at = (id) => document.getElementById(id);
let language = sessionStorage.getItem("khu-language") ||
  (navigator.language.startsWith("vi") ? "vi" : "en");
let seen = null;      // the last answers, to be shown again in another language
let watching = null;  // ends the stream of events

class Refused extends Error {}

async function ask(path, more = {}) {
  const token = sessionStorage.getItem("khu-token");
  const answer = await fetch(path, {
    ...more, cache: "no-cache",
    headers: {Authorization: `Bearer ${token}`, "Accept-Language": language},
  });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(`${problem.code || answer.status} ${problem.detail || ""}`);
  }
  return answer;
}

const get = async (path) => (await ask(path)).json();

const moment = (text) => text ? new Date(text).toLocaleString(language) : "";
const hours = (ugs) => (ugs / 3.6e9).toLocaleString(language, {maximumFractionDigits: 1}) + " h";

function fill(table, titles, rows, numbers) {
  const line = (cells, kind) => {
    const row = document.createElement("tr");
    cells.forEach((text, column) => {
      const cell = row.appendChild(document.createElement(kind));
      cell.textContent = text;
      cell.classList.toggle("number", numbers.includes(column));
    });
    return row;
  };
  const none = [[WORDS[language].none]];
  table.replaceChildren(line(titles, "th"), ...(rows.length ? rows : none).map((r) => line(r, "td")));
}

function jobRow(job) {
  const spec = job.spec;
  const where = job.reason ? `${job.reason.code} ${job.reason.text}`
    : job.nodes.map((node) => node.node).join(" ");
  return [job.job, spec.name, spec.user, job.phase, spec.nodes, spec.nodes * spec.gpus_per_node,
    moment(job.taken_at || job.submitted_at), where];
}

function show() {
  const words = WORDS[language];
  document.documentElement.lang = language;
  at("language").textContent = words.other;
  at("leave").textContent = words.leave;
  document.querySelector("label[for=token]").textContent = words.token;
  document.querySelector("#login button").textContent = words.enter;
  at("balance-title").textContent = words.balance;
  at("nodes-title").textContent = words.nodes;
  at("queue-title").textContent = words.queue;
  at("live").textContent = at("live").classList.contains("on") ? words.live : words.lost;
  at("login").hidden = seen !== null;
  at("zone-view").hidden = at("leave").hidden = at("live").hidden = seen === null;
  if (seen === null) {
    at("who").textContent = at("zone").textContent = "";
    return;
  }
  const {who, grants, nodes, queue} = seen;
  at("zone").textContent = who.zone;
  at("who").textContent = `${who.user} ${who.enterprise}`;
  fill(at("balance"), words.grant, grants.map((g) => [g.grant, g.programme, g.state,
    hours(g.free_ugs), hours(g.held_ugs), hours(g.spent_ugs), moment(g.to_at)]), [3, 4, 5]);
  fill(at("nodes"), words.node, nodes.nodes.map((n) => [n.name, n.state, n.gpu_model,
    `${n.gpus_free}/${n.gpus}`, `${n.cores_free}/${n.cores}`, n.jobs.join(" "), n.reason]), [3, 4]);
  for (const row of at("nodes").rows) {
    const state = row.cells[1];
    state?.classList.toggle("bad", ["lost", "mismatch"].includes(state.textContent));
  }
  fill(at("queue"), words.job, queue.jobs.map(jobRow), [0, 4, 5]);
  at("more").textContent = queue.next ? words.more(queue.jobs.length, queue.total) : "";
}

async function look() {
  const who = await get("v1/whoami");
  const sees_all = who.roles.some((role) => role === "zone_admin" || role === "auditor");
  const [nodes, queue, own] = await Promise.all([get("v1/nodes"), get(`v1/queue?limit=${ROWS}`),
    get(sees_all ? "v1/grants" : "v1/balance")]);
  seen = {who, nodes, queue, grants: own.grants};
  show();
}

let next = null;       // the event to go on from
let due = false;       // something happened since the last look

function take(line) {
  if (line.startsWith('{"resume_from"')) {
    next = JSON.parse(line).resume_from;
  } else if (line) {
    next = JSON.parse(line).seq + 1;
    due = true;
  }
}

async function watch(signal) {
  while (!signal.aborted) {
    try {
      const answer = await ask("v1/events" + (next === null ? "" : `?from=${next}`), {signal});
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      live(true);
      due = true;
      for (let rest = "";;) {
        const {value, done} = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        lines.forEach(take);
      }
    } catch (why) {
      if (why instanceof Refused) next = null;  // another zone's number, or the token has ended
    }
    live(false);
    await new Promise((resume) => setTimeout(resume, 2000));
  }
}

function live(on) {
  at("live").classList.toggle("on", on);
  at("live").textContent = WORDS[language][on ? "live" : "lost"];
}

async function keepLooking(signal) {
  for (let last = Date.now(); !signal.aborted;) {
    await new Promise((resume) => setTimeout(resume, BETWEEN_LOOKS_MS));
    const asked = due || Date.now() - last > LOOK_ANYWAY_MS;
    if (!asked || document.hidden || signal.aborted) continue;
    due = false;
    last = Date.now();
    await look().catch((why) => {
      if (why instanceof Refused && why.message.startsWith("N4")) leave(why.message);
    });
  }
}

function leave(why = "") {
  watching?.abort();
  watching = seen = next = null;
  sessionStorage.removeItem("khu-token");
  at("refusal").textContent = why;
  show();
}

async function enter() {
  try {
    await look();
  } catch (why) {
    leave(why instanceof Refused ? why.message : WORDS[language].unreachable);
    return;
  }
  at("refusal").textContent = "";
  watching = new AbortController();
  watch(watching.signal);
  keepLooking(watching.signal);
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("khu-token", at("token").value.trim());
  at("token").value = "";
  enter();
});
at("leave").addEventListener("click", () => leave());
at("language").addEventListener("click", () => {
  language = language === "vi" ? "en" : "vi";
  sessionStorage.setItem("khu-language", language);
  due = true;
  show();
});

show();
if (sessionStorage.getItem("khu-token")) enter();
