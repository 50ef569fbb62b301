// What the page does; what there is to see comes from the service, so a reload loses nothing.

import { Viewer, bitmap } from "/viewer.js";

const $ = (id) => document.getElementById(id);
let state = { pictures: [], goal: { task: "denoise", scale: null }, goals: [], limits: {} };
let current = null; // number of the picture that is shown
let layer = "result";
let preview = null; // {id, image, place, strength, exact}
let asked = 0; // the preview that is being waited for
let sliding = false;

const viewer = new Viewer($("canvas"), updateView);
const picture = () => state.pictures.find((each) => each.id === current);
const onlyDenoises = () => state.goal.task === "denoise"; // then there are previews and a verdict

history.replaceState(null, "", "/"); // the token lives in a cookie from here on

// Words

const megabytes = (bytes) => bytes < 1e5 ? `${(bytes / 1e3).toPrecision(2)} kB` : `${(bytes / 1e6).toPrecision(3)} MB`;
const number = (value) => Math.abs(value) >= 1000 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString();

function seconds(value) {
  if (value < 60) return `${Math.max(1, Math.round(value))} s`;
  if (value < 3600) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

function whatToDo({ task, scale }) {
  const names = { denoise: "Denoise", upscale: `Enlarge ×${scale}`, deblur: "Sharpen", deblock: "Remove JPEG artefacts" };
  return names[task];
}

function whatWasDone({ task, scale }) {
  const names = { denoise: "denoised", upscale: `enlarged ×${scale}`, deblur: "sharpened", deblock: "JPEG artefacts removed" };
  return names[task];
}

function depth(each) {
  const names = { uint8: "8 bits", uint16: "16 bits", int16: "16 bits, signed", float32: "float", float64: "double", float16: "half float" };
  const colour = each.channels.startsWith("gray") ? "gray" : each.channels === "planes" ? "channels" : "colour";
  return `${names[each.depth] || each.depth}, ${colour}`;
}

function say(text) {
  $("message").textContent = text;
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => say(""), 12000);
}

// The service

async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json" };
  }
  const response = await fetch(path, options);
  if (!response.ok) throw new Error(await reason(response));
  return response.status === 204 ? null : response.json();
}

async function reason(response) {
  const text = await response.text();
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : detail[0].msg;
  } catch {
    return text.trim() || `the service answers ${response.status}`;
  }
}

async function upload(files) {
  for (const file of files) {
    if (file.size > state.limits.bytes) {
      say(`${file.name} is larger than ${megabytes(state.limits.bytes)}, which is the limit here.`);
      continue;
    }
    $("progress-text").textContent = `loading ${file.name}`;
    try {
      const response = await fetch(`/visit/pictures?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
      if (!response.ok) throw new Error(await reason(response));
      const added = await response.json();
      if (!state.pictures.some((each) => each.id === added.id)) state.pictures.push(added);
      if (!picture() || files.length === 1) select(added.id);
      update();
    } catch (error) {
      say(`${file.name}: ${error.message}`);
    }
  }
}

function watch() {
  const events = new EventSource("/visit/events");
  events.onmessage = (event) => {
    state = JSON.parse(event.data);
    if (!picture()) select(state.pictures.length ? state.pictures[0].id : null);
    update();
  };
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) say("The service has ended, or this visit is over. Load the page again.");
  };
}

// What is shown

function select(id) {
  if (id === current) return;
  current = id;
  preview = null;
  $("report").replaceChildren();
  $("report").dataset.of = "";
  if (id !== null) askPreview(Number($("strength").value), true);
}

function update() {
  const shown = picture();
  $("start").hidden = Boolean(state.pictures.length);
  $("work").hidden = $("leave").hidden = !state.pictures.length;
  $("limits").textContent = state.limits.bytes ? `Up to ${megabytes(state.limits.bytes)} and ${state.limits.pixels / 1e6} megapixels a file.` : "";
  if (state.goals.length) updateChoices();
  if (!sliding) setStrength(state.strength);
  updateList();
  if (!shown) return;
  $("picture-name").textContent = shown.name;
  $("facts").textContent = `${shown.width} × ${shown.height} pixels, ${shown.format.toUpperCase()}, ${depth(shown)}, ${megabytes(shown.bytes)}` +
    (shown.frames > 1 ? `, ${shown.frames} images` : "");
  $("frames").hidden = shown.frames < 2;
  $("frame").max = shown.frames;
  $("frame-count").textContent = `of ${shown.frames}`;
  if (document.activeElement !== $("frame")) $("frame").value = shown.frame + 1;
  updateVerdict(shown);
  updateProgress(shown);
  updateDownloads(shown);
  updateLayer(shown);
}

function updateChoices() {
  const { goals, goal, model } = state;
  const index = goals.findIndex((each) => each.task === goal.task && each.scale === goal.scale);
  const { models } = goals[index];
  if (!$("task").options.length) $("task").append(...goals.map((each, place) => new Option(whatToDo(each), place)));
  if (document.activeElement !== $("task")) $("task").value = index;
  if ($("model").dataset.of !== String(index)) {
    $("model").dataset.of = index;
    const auto = `choose by the ${onlyDenoises() ? "noise" : "picture"}`;
    $("model").replaceChildren(...models.map((name) => new Option(name === "auto" ? auto : name, name)));
  }
  if (document.activeElement !== $("model")) $("model").value = model;
  $("model-field").hidden = models.length < 3; // one, and "auto", which takes it
}

function updateVerdict(shown) {
  const { found } = shown;
  if (!found) { $("verdict").textContent = shown.state === "failed" ? "" : "Measuring the noise…"; return; }
  const judged = onlyDenoises() && found.verdict ? `${found.verdict.text} Standard` : "Noise of standard";
  const sigma = found.sigma.map(number).join(" / ");
  const told = found.told.map(([label, text]) => ` ${label[0].toUpperCase()}${label.slice(1)}: ${text}.`).join("");
  const because = found.reason ? `, for ${found.reason}` : "";
  $("verdict").textContent = `${judged} deviation ${sigma}${found.whole ? "" : " in the part shown first"}.${told} Model ${found.model}${because}.`;
}

function updateProgress(shown) {
  const { state: stage, result } = shown;
  let text = "";
  if (stage === "waiting") text = shown.position ? `waiting, ${shown.position} before it` : "about to begin";
  if (stage === "working") {
    text = `${Math.round(100 * shown.share)} %`;
    if (shown.megapixels_per_second) text += `, ${shown.megapixels_per_second.toFixed(2)} megapixels a second`;
    if (shown.seconds_left && shown.share > 0.02) text += `, ${seconds(shown.seconds_left)} left`;
  }
  if (stage === "done" && result) {
    text = `${result.name}: ${result.width} × ${result.height} pixels, ${megabytes(result.bytes)}, strength ${result.strength}, model ${result.model}, ${result.seconds.toFixed(1)} s`;
    if (result.left_out.length) text += `; left out: ${result.left_out.join(", ")}`;
  }
  if (stage === "stopped") text = "stopped";
  if (stage === "failed") text = shown.message;
  if ($("progress-text").textContent !== text) $("progress-text").textContent = text;
  $("progress").hidden = !["waiting", "working"].includes(stage);
  $("progress").value = shown.share;
  $("stop").hidden = !["waiting", "working"].includes(stage);
  $("again").hidden = !["stopped", "failed"].includes(stage);
}

function updateDownloads(shown) {
  const link = $("download");
  if (shown.result) {
    link.href = `/visit/pictures/${shown.id}/files/result`;
    link.removeAttribute("aria-disabled");
    link.textContent = shown.state === "done" ? "Download" : "Download the last result";
  } else {
    link.removeAttribute("href");
    link.setAttribute("aria-disabled", "true");
    link.textContent = "Download";
  }
  $("download-all").hidden = state.pictures.length < 2 || !state.pictures.some((each) => each.result);
  $("download-all").href = "/visit/results.zip";
}

function updateList() {
  const list = $("pictures");
  list.hidden = state.pictures.length < 2;
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  for (const each of state.pictures) {
    let item = known.get(each.id);
    if (!item) {
      item = document.createElement("li");
      item.dataset.id = each.id;
      const pick = Object.assign(document.createElement("button"), { type: "button", className: "pick" });
      const name = Object.assign(document.createElement("span"), { className: "name", textContent: each.name });
      pick.append(name, Object.assign(document.createElement("span"), { className: "state" }));
      pick.addEventListener("click", () => { select(each.id); update(); });
      const remove = Object.assign(document.createElement("button"), { type: "button", className: "remove", textContent: "×" });
      remove.setAttribute("aria-label", `Remove ${each.name}`);
      remove.addEventListener("click", () => ask("DELETE", `/visit/pictures/${each.id}`).catch((error) => say(error.message)));
      item.append(pick, remove);
      list.append(item);
    }
    known.delete(each.id);
    item.querySelector(".pick").setAttribute("aria-current", String(each.id === current));
    const words = { waiting: "waiting", working: `${Math.round(100 * each.share)} %`, done: onlyDenoises() && each.found?.verdict?.kind === "clean" ? "clean" : "done", stopped: "stopped", failed: "failed" };
    item.querySelector(".state").textContent = words[each.state];
  }
  for (const item of known.values()) item.remove();
}

function updateLayer(shown) {
  for (const tab of $("tabs").children) {
    const selected = tab.dataset.layer === layer;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    if (selected) $("panel").setAttribute("aria-labelledby", tab.id);
  }
  const isReport = layer === "report";
  $("report").hidden = !isReport;
  const isMissing = layer === "difference" && shown.result?.scale > 1;
  $("no-difference").hidden = !isMissing;
  $("view").hidden = $("tools").hidden = isReport || isMissing;
  if (isReport) showReport(shown);
  if (isReport || isMissing) return;
  const fresh = shown.result && shown.result.strength === Number($("strength").value) && shown.state === "done";
  const part = layer === "result" && !fresh && preview && preview.id === shown.id ? preview : null;
  viewer.show(shown, shown.result ? layer : null, part);
  const isMap = shown.spans && shown.spans[layer];
  $("legend").hidden = !isMap;
  if (isMap) {
    const [low, high] = shown.spans[layer];
    $("legend-low").textContent = number(low);
    $("legend-high").textContent = number(high);
    $("legend-unit").textContent = "standard deviation, in the picture's units";
    $("download-map").href = `/visit/pictures/${shown.id}/files/${layer}`;
    drawLegend();
  }
  const done = part ? state.goal : shown.result?.goal;
  const names = { result: done && whatWasDone(done), noise: "noise", uncertainty: "uncertainty", difference: "what was removed" };
  $("label-after").textContent = done ? names[layer] : "not done yet";
}

async function drawLegend() {
  if (drawLegend.done) return;
  drawLegend.done = true;
  const { image } = await bitmap("/scale.png");
  $("legend-bar").getContext("2d").drawImage(image, 0, 0, 256, 1);
}

async function showReport(shown) {
  const key = [shown.id, shown.version, ...Object.values(state.goal), state.model].join(" ");
  if ($("report").dataset.of === key) return;
  $("report").dataset.of = key;
  $("report").textContent = "Measuring…";
  try {
    const images = await ask("GET", `/visit/pictures/${shown.id}/report`);
    if ($("report").dataset.of !== key) return;
    const undone = shown.found?.told.length ? [{ title: whatWasDone(shown.result.goal), lines: shown.found.told }] : [];
    $("report").replaceChildren(...[...undone, ...images].flatMap(({ title, lines }) => {
      const heading = Object.assign(document.createElement("h3"), { textContent: title });
      const table = document.createElement("dl");
      for (const [label, text] of lines)
        table.append(Object.assign(document.createElement("dt"), { textContent: label }), Object.assign(document.createElement("dd"), { textContent: text }));
      return [heading, table];
    }));
  } catch (error) {
    $("report").textContent = error.message;
  }
}

function updateView() {
  const edge = 100 * viewer.split;
  $("divider").style.left = `${edge}%`;
  $("zoom-value").textContent = `${Math.round(100 * viewer.scale / viewer.finer)} %`;
  $("fit").setAttribute("aria-pressed", String(viewer.fitted));
  $("actual").setAttribute("aria-pressed", String(!viewer.fitted && viewer.scale === viewer.finer));
}

// Strength

function setStrength(value) {
  $("strength").value = value;
  $("strength-value").textContent = Number(value).toFixed(2);
}

async function askPreview(strength, exact) {
  const shown = picture();
  if (!shown || !onlyDenoises()) return;
  const turn = ++asked;
  const place = viewer.picture && viewer.picture.id === shown.id ? [viewer.y, viewer.x] : [shown.height / 2, shown.width / 2];
  const query = new URLSearchParams({ row: place[0], column: place[1], strength, exact });
  try {
    const { image, headers } = await bitmap(`/visit/pictures/${shown.id}/preview?${query}`);
    if (turn !== asked || shown.id !== current) return;
    const [top, left] = headers.get("x-place").split(",").map(Number);
    preview = { id: shown.id, image, place: { top, left }, strength, exact: headers.get("x-exact") === "1" };
    document.body.dataset.preview = `${strength} ${preview.exact ? "exact" : "mixed"}`;
    update();
  } catch (error) {
    if (turn === asked && shown.id === current && picture()) say(error.message);
  }
}

let waiting = null;
async function slide() { // one request at a time, the last value wins
  if (waiting) { waiting = "again"; return; }
  do {
    waiting = "asked";
    await askPreview(Number($("strength").value), false);
  } while (waiting === "again");
  waiting = null;
}

let settling; // waits until keys and mouse are at rest
$("strength").addEventListener("input", () => {
  sliding = true;
  clearTimeout(settling);
  $("strength-value").textContent = Number($("strength").value).toFixed(2);
  slide();
});
$("strength").addEventListener("change", () => {
  clearTimeout(settling);
  settling = setTimeout(settle, 250);
});

async function settle() {
  const strength = Number($("strength").value);
  try {
    const answer = await ask("PUT", "/visit", { strength });
    if (Number($("strength").value) !== strength) return; // it has moved on
    state = { ...state, ...answer };
    sliding = false;
    update();
    await askPreview(strength, true);
  } catch (error) {
    sliding = false;
    say(error.message);
  }
}

// Task and model

async function choose(choice) {
  asked++; // what is on its way is of another choice
  try {
    state = { ...state, ...await ask("PUT", "/visit", choice) };
    preview = null;
    update();
    await askPreview(state.strength, true);
  } catch (error) {
    say(error.message);
  }
}

$("task").addEventListener("change", () => {
  const { task, scale } = state.goals[$("task").value];
  choose({ goal: { task, scale } });
});
$("model").addEventListener("change", () => choose({ model: $("model").value }));

// Images of one file

async function showFrame(frame) {
  const shown = picture();
  if (!shown || frame === shown.frame) return;
  if (!(frame >= 0 && frame < shown.frames)) { $("frame").value = shown.frame + 1; return; }
  try {
    Object.assign(shown, await ask("PUT", `/visit/pictures/${shown.id}/frame`, { frame }));
    preview = null;
    $("frame").value = frame + 1;
    update();
    if (shown.state !== "done") await askPreview(Number($("strength").value), true);
  } catch (error) {
    say(error.message);
  }
}

$("frame").addEventListener("change", () => showFrame(Math.round(Number($("frame").value)) - 1));
$("canvas").addEventListener("keydown", (event) => {
  const step = { PageUp: -1, PageDown: 1 }[event.key];
  if (!step || !picture() || picture().frames < 2) return;
  event.preventDefault();
  showFrame(picture().frame + step);
});

// Controls

$("split").addEventListener("input", () => { viewer.split = Number($("split").value) / 100; viewer.draw(); });
$("fit").addEventListener("click", () => viewer.fit());
$("actual").addEventListener("click", () => viewer.actual());
$("zoom-in").addEventListener("click", () => viewer.zoom(viewer.scale * 1.5));
$("zoom-out").addEventListener("click", () => viewer.zoom(viewer.scale / 1.5));
$("stop").addEventListener("click", () => ask("POST", `/visit/pictures/${current}/stop`).catch((error) => say(error.message)));
$("again").addEventListener("click", () => ask("POST", `/visit/pictures/${current}/run`).catch((error) => say(error.message)));
$("leave").addEventListener("click", async () => {
  await ask("DELETE", "/visit").catch(() => null);
  location.reload();
});
$("tabs").addEventListener("click", (event) => {
  if (event.target.dataset.layer) { layer = event.target.dataset.layer; update(); }
});
$("tabs").addEventListener("keydown", (event) => {
  const tabs = [...$("tabs").children], index = tabs.findIndex((tab) => tab.dataset.layer === layer);
  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -index, End: tabs.length - 1 - index };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = tabs[(index + steps[event.key] + tabs.length) % tabs.length];
  layer = next.dataset.layer;
  update();
  next.focus();
});

$("files").addEventListener("change", () => { upload([...$("files").files]); $("files").value = ""; });
$("example").addEventListener("click", async () => {
  const response = await fetch("/example.jpg");
  upload([new File([await response.blob()], "example.jpg", { type: "image/jpeg" })]);
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) upload(files);
});
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  upload([...event.dataTransfer.files]);
});

ask("GET", "/visit").then((found) => { state = found; update(); watch(); }, (error) => say(error.message));
