// Keeps parts of a page fresh, and its times. Pages work without it.
"use strict";

const EVERY_MS = 2000;
const TIMES_EVERY_MS = 30000;

// --- relative times, in the words of the server (hub/web/pages/words.py) ---

function ago(at, now) {
  const seconds = Math.round((now - at) / 1000);
  const size = Math.abs(seconds);
  if (size < 10) return "just now";
  const steps = [[120, 1, "seconds"], [7200, 60, "minutes"], [172800, 3600, "hours"], [2592000, 86400, "days"]];
  const step = steps.find(([limit]) => size < limit);
  if (!step) return at.toISOString().slice(0, 10);
  const count = `${Math.floor(size / step[1])} ${step[2]}`;
  return seconds > 0 ? `${count} ago` : `in ${count}`;
}

function freshenTimes(within) {
  const now = new Date();
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const text = ago(at, now);
    if (time.textContent !== text) time.textContent = text;
  }
}

// --- live parts: only what differs is touched, so that focus, open details and typed text stay ---

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.tagName + (node.id || node.dataset.key || "") : node.nodeType;
}

function isThePersons(node, name) {
  return (name === "open" && node.tagName === "DETAILS") || (name === "value" && node.type !== "hidden") || name === "checked";
}

function bring(old, fresh) {
  if (old.nodeType === Node.ELEMENT_NODE && old.dataset.loaded) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !isThePersons(old, name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isThePersons(old, name)) old.removeAttribute(name);
  }
  if (old.tagName === "TIME" || old.tagName === "TEXTAREA") return;
  bringChildren(old, fresh);
}

function bringChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, index) => {
    let present = old.childNodes[index];
    if (present && keyOf(present) !== keyOf(node)) {
      const elsewhere = [...old.childNodes].slice(index + 1).find((each) => keyOf(each) === keyOf(node));
      if (elsewhere && (node.id || (node.dataset && node.dataset.key))) {
        old.insertBefore(elsewhere, present);
        present = elsewhere;
      } else {
        old.insertBefore(node, present);
        return;
      }
    }
    if (present) bring(present, node);
    else old.append(node);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

class Live {
  constructor(part) {
    this.part = part;
    this.tag = null;
    this.failures = 0;
    this.timer = null;
    document.addEventListener("visibilitychange", () => this.plan(0));
    this.plan(EVERY_MS);
  }

  plan(wait) {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), wait);
  }

  async ask() {
    try {
      const headers = { "X-Fragment": "1", Accept: "text/html" };
      if (this.tag) headers["If-None-Match"] = this.tag;
      const answer = await fetch(this.part.dataset.live, { headers, credentials: "same-origin", cache: "no-store" });
      if (answer.status === 401) return location.reload();
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(answer.status);
        this.tag = answer.headers.get("ETag");
        this.show(await answer.text());
      }
      this.failures = 0;
    } catch {
      this.failures += 1;
    }
    document.getElementById("live-trouble").hidden = this.failures < 2;
    this.plan(EVERY_MS * Math.min(1 + this.failures, 5));
  }

  show(html) {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    bringChildren(this.part, fresh.content);
    freshenTimes(this.part);
  }
}

for (const part of document.querySelectorAll("[data-live]")) new Live(part);
freshenTimes(document);
setInterval(() => freshenTimes(document), TIMES_EVERY_MS);

// --- what is loaded when it is opened; without script it is a link ---

async function load(details) {
  const answer = await fetch(details.dataset.open, { headers: { "X-Fragment": "1", Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const inside = document.createElement("div");
  inside.innerHTML = await answer.text();
  while (details.children.length > 1) details.lastElementChild.remove();
  details.append(inside);
  details.dataset.loaded = "yes";
  freshenTimes(details);
}

document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (details.open && details.dataset.open && !details.dataset.loaded) load(details);
}, true);

// --- the account menu closes like one ---

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// --- a text that is checked while it is typed: the server finds the problems, a click leads to their place ---

const TYPED_WAIT_MS = 400;

for (const area of document.querySelectorAll("textarea[data-validate]")) {
  const told = document.getElementById(area.dataset.told);
  let timer = null;
  let latest = 0;
  const ask = async () => {
    const turn = ++latest;
    const body = new URLSearchParams({ text: area.value, form_token: area.form.elements.form_token.value });
    try {
      const answer = await fetch(area.dataset.validate, { method: "POST", body, headers: { "X-Fragment": "1", Accept: "text/html" }, credentials: "same-origin" });
      if (answer.ok && turn === latest) told.innerHTML = await answer.text();
    } catch {
      // The buttons still work, and say what is wrong when the hub does not answer.
    }
  };
  area.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, TYPED_WAIT_MS);
  });
  told.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-line]");
    if (!button) return;
    event.preventDefault();
    const lines = area.value.split("\n");
    const line = Number(button.dataset.line) - 1;
    const start = lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0) + Number(button.dataset.column) - 1;
    area.focus();
    area.setSelectionRange(start, start + 1);
  });
}
