// Draws one dashboard: the panels of its JSON, with the data that the server reads from ClickHouse.
// Whatever came from a customer is only ever set as text.

const page = JSON.parse(document.getElementById("page").textContent);
const words = JSON.parse(document.getElementById("words").textContent);
const RANGES = ["1h", "6h", "24h", "7d", "14d", "30d", "90d"];
const ALL = "$__all";
const REFRESH_MS = 60_000;
const ROW_PIXELS = 34;
// Numbers only: Plotly's own names of months are English. What follows the line break is written where it changes.
const SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];
const [WIDE, PARAGRAPH] = [18, 40]; // characters: a longer text may be broken into lines, or is a text of its own
const TIMES = [{ dtickrange: [null, 86_399_999], value: "%H:%M\n%m-%d" }, { dtickrange: [86_400_000, null], value: "%m-%d" }];

const query = new URLSearchParams(location.search);
query.delete("token");
const bodies = new Map();
const locale = document.documentElement.lang;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function color(name) {
  const known = { text: "--text", transparent: "transparent" };
  const variable = known[name] ?? `--${name}`;
  return variable.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(variable) : variable;
}

// ---- numbers

function shown(value, unit, decimals) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (unit === "s") return seconds(value);
  const digits = decimals ?? (Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1);
  const text = value.toLocaleString(locale, { maximumFractionDigits: digits, minimumFractionDigits: Number.isInteger(value) ? 0 : digits });
  return unit === "percent" ? `${text} %` : text;
}

function seconds(value) {
  if (value >= 172_800) return `${(value / 86_400).toFixed(1)} d`;
  if (value < 90) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return value < 5400 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`;
}

// Times on an axis at round numbers of their own: Plotly would write 600k s.
function timeTicks(largest) {
  const width = SECONDS.find((one) => largest / one <= 5) ?? Math.ceil(largest / 5 / 604_800) * 604_800;
  const tickvals = Array.from({ length: Math.floor(largest / width) + 1 }, (_, index) => index * width);
  return { tickvals, ticktext: tickvals.map((value) => shortly(value)) };
}

function shortly(value) {
  const [unit, name] = value < 90 ? [1, "s"] : value < 5400 ? [60, "min"] : value < 172_800 ? [3600, "h"] : [86_400, "d"];
  return `${Number((value / unit).toFixed(2))} ${name}`;
}

function step(value, thresholds) {
  let found = "text";
  for (const { value: from, color: name } of thresholds?.steps ?? []) if (from === null || from === undefined || value >= from) found = name;
  return found;
}

function time(text) {
  return new Date(text).toLocaleString(locale, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
}

const isTime = (column) => column.type.startsWith("DateTime");
const isNumber = (column) => /^(Nullable\()?(U?Int|Float)/.test(column.type);

// ---- panels

const draw = {
  stat(panel, [table], body) {
    const { unit, decimals, thresholds } = panel.fieldConfig.defaults;
    const numbers = table.columns.map((column, index) => {
      const value = table.rows[0]?.[index];
      const big = element("b", { textContent: shown(value, unit, decimals) });
      big.style.color = color(step(value, thresholds));
      return element("div", {}, big, element("small", { textContent: column.name }));
    });
    body.replaceChildren(element("div", { className: "numbers" }, ...numbers));
  },

  bargauge(panel, [table], body) {
    const { unit, decimals } = panel.fieldConfig.defaults;
    const longest = Math.max(...table.rows.map((row) => row[1]), 1e-9);
    body.replaceChildren(
      ...table.rows.map(([name, value]) => {
        const bar = element("i");
        bar.style.width = `${(100 * value) / longest}%`;
        const label = element("span", { textContent: name, title: name });
        return element("div", { className: "bar" }, label, bar, element("b", { textContent: shown(value, unit, decimals) }));
      }),
    );
  },

  table(panel, [table], body) {
    const looks = new Map(panel.fieldConfig.overrides.map((rule) => [rule.matcher.options, new Map(rule.properties.map((p) => [p.id, p.value]))]));
    const visible = table.columns.map((column, index) => ({ column, index, look: looks.get(column.name) ?? new Map() })).filter(({ look }) => !look.get("custom.hidden"));
    const heads = visible.map(({ column }) => element("th", { textContent: column.name, className: isNumber(column) ? "number" : "" }));
    const rows = table.rows.map((row) => element("tr", {}, ...visible.map((cell) => this.cell(cell, row, table))));
    body.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
  },

  cell({ column, index, look }, row, table) {
    const value = row[index];
    const cell = element("td");
    const text = value === null ? "–" : isTime(column) ? time(value) : isNumber(column) ? shown(value, look.get("unit")) : String(value);
    if (isNumber(column)) cell.classList.add("number");
    else cell.classList.add(...(text.length > PARAGRAPH || column.name === words.quotation ? ["wide", "paragraph"] : text.length > WIDE ? ["wide"] : ["short"]));
    cell.dataset.name = column.name;
    if (look.has("thresholds")) {
      const name = step(value, look.get("thresholds"));
      if (name !== "transparent") cell.style.background = `color-mix(in srgb, ${color(name)} 34%, transparent)`;
    }
    const link = look.get("links")?.[0];
    if (link && text) cell.append(element("a", { href: linked(link.url, row, table), title: link.title, textContent: text }));
    else if (column.name === words.quotation) cell.append(...highlighted(text, evidenceOf(row, table)));
    else cell.textContent = text;
    return cell;
  },

  timeseries(panel, tables, body) {
    const { custom, unit } = panel.fieldConfig.defaults;
    const bars = custom.drawStyle === "bars";
    const fixed = new Map(panel.fieldConfig.overrides.map((rule) => [rule.matcher.options, rule.properties.find((p) => p.id === "color")?.value.fixedColor]));
    const traces = tables.flatMap(series).map(({ name, x, y }) => ({
      ...(bars ? { type: "bar" } : { type: "scatter", mode: "lines+markers" }),
      name, x, y, text: unit === "s" ? y.map((value) => shown(value, unit)) : undefined, hovertemplate: unit === "s" ? "%{text}" : undefined, textposition: "none", line: { width: 2, color: fixed.get(name) }, marker: { color: fixed.get(name), size: bars ? undefined : dots(y) },
    }));
    const ink = color("text");
    const grid = color("line");
    const layout = {
      margin: { l: 48, r: 8, t: 4, b: 36 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { color: ink, size: 11 },
      barmode: "stack", hovermode: "x unified", showlegend: traces.length > 1, legend: { orientation: "h", y: -0.2 },
      hoverlabel: { bgcolor: color("panel"), font: { color: ink } },
      xaxis: { gridcolor: grid, range: annotations.range, tickformatstops: TIMES, hoverformat: "%m-%d %H:%M" }, yaxis: { gridcolor: grid, rangemode: "tozero", ticksuffix: unit === "percent" ? " %" : "", ...(unit === "s" && timeTicks(Math.max(...traces.flatMap(({ y }) => y), 0.1))) },
      colorway: ["#d9534f", "#2f6feb", "#2e9e5b", "#c99700", "#8e5bd0", "#17a2b8", "#e0752d", "#7a8699"],
      shapes: annotations.shapes,
    };
    if (!body.firstElementChild?.classList.contains("js-plotly-plot")) body.replaceChildren(element("div"));
    const chart = body.firstElementChild;
    chart.style.height = "100%";
    Plotly.react(chart, traces, layout, { displayModeBar: false, responsive: true });
  },
};

const annotations = { shapes: [], range: undefined };

function series(table) {
  const numbers = table.columns.map((column, index) => ({ column, index })).filter(({ column }) => isNumber(column));
  const label = table.columns.findIndex((column, index) => index > 0 && !isNumber(column));
  const found = new Map();
  for (const row of table.rows) {
    for (const { column, index } of numbers) {
      const name = label > 0 ? String(row[label]) : column.name;
      if (!found.has(name)) found.set(name, { name, x: [], y: [] });
      found.get(name).x.push(local(row[0]));
      found.get(name).y.push(row[index]);
    }
  }
  return [...found.values()];
}

// Sizes of the dots on a line, which needs two points: one that stands alone is shown as a dot.
function dots(values) {
  const there = (at) => typeof values[at] === "number";
  return values.map((_, at) => (there(at) && !there(at - 1) && !there(at + 1) ? 6 : 0));
}

// Plotly draws times as they are written; readers expect their own clock.
function local(text) {
  const at = new Date(text);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function evidenceOf(row, table) {
  const index = table.columns.findIndex((column) => column.name === words.evidence);
  return index < 0 || !row[index] ? [] : row[index].split(" · ").filter(Boolean);
}

function highlighted(text, phrases) {
  const spans = [];
  for (const phrase of phrases) {
    const start = text.indexOf(phrase);
    if (start >= 0 && !spans.some(([from, to]) => start < to && start + phrase.length > from)) spans.push([start, start + phrase.length]);
  }
  const parts = [];
  let position = 0;
  for (const [from, to] of spans.sort((a, b) => a[0] - b[0])) {
    parts.push(text.slice(position, from), element("mark", { textContent: text.slice(from, to) }));
    position = to;
  }
  parts.push(text.slice(position));
  return parts;
}

function linked(url, row, table) {
  return url
    .replace(/\$\{__data\.fields\.(\w+)\}/g, (_, name) => encodeURIComponent(row[table.columns.findIndex((column) => column.name === name)] ?? ""))
    .replace("${__url_time_range}", `from=${encodeURIComponent(range().from)}&to=now`);
}

// ---- what is looked at

function range() {
  return { from: query.get("from") ?? page.time.from, to: query.get("to") ?? page.time.to };
}

function choose(name, value) {
  query.set(name, value);
  history.replaceState(null, "", `?${query}`);
  linkPages();
  refresh();
}

function linkPages() {
  for (const link of document.querySelectorAll("[data-page]")) link.href = `/d/${link.dataset.page}?${query}`;
}

async function controls() {
  const form = document.getElementById("controls");
  const times = element("select", { id: "range" }, ...RANGES.map((name) => element("option", { value: `now-${name}`, textContent: words[name] })));
  if (!RANGES.includes(range().from.replace("now-", ""))) times.append(element("option", { value: range().from, textContent: range().from }));
  times.value = range().from;
  times.onchange = () => { query.set("to", "now"); choose("from", times.value); };
  form.append(element("label", {}, words.range, times));
  const options = await read(`/api/${page.uid}/options`);
  for (const variable of page.templating.list) form.append(picker(variable, options[variable.name]));
  form.append(element("button", { type: "button", textContent: words.refresh, onclick: refresh }), element("span", { id: "updated" }));
}

function picker(variable, options) {
  const chosen = query.get(`var-${variable.name}`) ?? variable.current.value;
  const choices = variable.includeAll ? [{ value: ALL, text: words.all }, ...options] : [...options];
  if (!choices.some(({ value }) => value === chosen)) choices.push({ value: chosen, text: chosen });
  const select = element("select", { name: variable.name }, ...choices.map(({ value, text }) => element("option", { value, textContent: text })));
  select.value = chosen;
  select.onchange = () => choose(`var-${variable.name}`, select.value);
  return element("label", {}, variable.label, select);
}

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

let latest; // what was asked last: an answer to an earlier question, about other choices, comes too late

async function refresh() {
  const asked = new URLSearchParams(query);
  latest = asked;
  for (const [name, value] of Object.entries(range())) asked.set(name, value);
  await mark(asked);
  await Promise.all(page.panels.map((panel) => fill(panel, asked)));
  if (asked !== latest) return;
  document.getElementById("updated").textContent = `${words.updated} ${new Date().toLocaleTimeString(locale)}`;
  document.body.dataset.ready = "yes";
}

async function mark(asked) {
  try {
    const opened = (await read(`/api/${page.uid}/annotations?${asked}`)).flatMap(([, rows]) => rows);
    if (asked !== latest) return;
    annotations.shapes = opened.flatMap(([from, to]) => {
      const place = { xref: "x", yref: "paper", x0: local(from), y0: 0, y1: 1 };
      return [
        { ...place, type: "rect", x1: local(to), line: { width: 0 }, fillcolor: "#d43b3b", opacity: 0.08, layer: "below" },
        { ...place, type: "line", x1: local(from), line: { color: "#d43b3b", width: 1, dash: "dot" } },
      ];
    });
  } catch (error) {
    console.warn(error);
  }
}

async function fill(panel, asked) {
  const body = bodies.get(panel.id);
  try {
    const tables = (await read(`/api/${page.uid}/panels/${panel.id}?${asked}`)).map(([columns, rows]) => ({ columns, rows }));
    if (asked !== latest) return;
    if (tables.every(({ rows }) => rows.length === 0)) body.replaceChildren(element("div", { className: "message", textContent: words.no_data }));
    else draw[panel.type](panel, tables, body);
  } catch (error) {
    if (asked !== latest) return;
    body.replaceChildren(element("div", { className: "message failed", textContent: `${words.failed}: ${error.message}` }));
  }
}

function frames() {
  for (const panel of page.panels) {
    const body = element("div", { className: "body" }, element("div", { className: "message", textContent: words.loading }));
    const title = element("h2", { textContent: panel.title }, );
    if (panel.description) title.append(element("span", { textContent: "ⓘ", title: panel.description }));
    const frame = element("section", { className: `panel ${panel.type}` }, title, body);
    frame.style.setProperty("--span", panel.gridPos.w);
    frame.style.setProperty("--height", `${panel.gridPos.h * ROW_PIXELS}px`);
    document.getElementById("panels").append(frame);
    bodies.set(panel.id, body);
  }
}

async function keepFresh() {
  await refresh();
  setTimeout(keepFresh, REFRESH_MS);
}

frames();
linkPages();
controls().catch(console.error).finally(keepFresh);
