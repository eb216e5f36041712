// A plotly figure widget that takes plotly's script from the one copy the page holds, gets each
// update in one message, and reports nothing back about how it drew it.

async function find(manager, id) {
  for (let i = 0; i < 500; i++) {
    try { return await manager.get_model(id); } catch { /* not made yet */ }
    await new Promise((next) => setTimeout(next, 20));
  }
  throw new Error("labkit: plotly's script did not arrive; run the cell again");
}

async function load(model) {
  const holder = await find(model.widget_manager, model.get("_script"));
  const blob = new Blob([holder.get("value")], { type: "text/javascript" });
  return (await import(URL.createObjectURL(blob))).default;
}

// Arrays travel beside the message: {buffer: number, dtype, shape} stands for each. What stays as
// it is must be undefined, or a figure not shown yet takes the word for its data.
function restore(value, buffers) {
  if (value === "_undefined_") return undefined;
  if (Array.isArray(value)) return value.map((item) => restore(item, buffers));
  if (value === null || typeof value !== "object") return value;
  if (!("buffer" in value && "dtype" in value)) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, restore(v, buffers)]));
  }
  const { buffer, byteOffset, byteLength } = buffers[value.buffer];
  const rows = value.shape.length === 2 ? value.shape[0] : 1;
  const size = byteLength / rows;
  const row = (i) => ({
    dtype: value.dtype,
    shape: value.shape.slice(-1),
    buffer: new DataView(buffer.slice(byteOffset + i * size, byteOffset + (i + 1) * size)),
  });
  return value.shape.length === 2 ? Array.from({ length: rows }, (_, i) => row(i)) : row(0);
}

// plotly's widget sees this in place of the model: an update arrives as a custom message, and
// reports of what was drawn ("...Delta(s)", a round trip an update) are dropped.
function oneWay(model, ready) {
  const listeners = new Set();
  const views = new Set(); // the elements that show this figure
  const queue = [];
  let held = {}; // the message being delivered, as if it were a trait
  let waiting = true; // until plotly is there
  const deliver = (name, value) => {
    held = { [name]: value };
    for (const [event, react] of [...listeners]) if (event === `change:${name}`) react();
    held = {};
  };
  const next = () => {
    waiting = queue.length > 0;
    if (!waiting) return;
    draw(queue.shift(), deliver, views, model.get("_widget_layout"));
    views.forEach(fit);
    setTimeout(next, 0); // plotly takes one quick update a turn
  };
  model.on("msg:custom", (message, buffers) => {
    if (!message.update) return;
    queue.push(restore(message.update, buffers));
    if (!waiting) next();
  });
  ready.then(next);
  return {
    get: (name) => (name === "_config" ? CONFIG : held[name] ?? model.get(name)),
    set: (name, value) => { if (!/Deltas?$/.test(name)) model.set(name, value); },
    save_changes: () => model.save_changes(),
    on: (name, react) => { listeners.add([name, react]); model.on(name, react); },
    listeners,
    views,
    forget: (entry) => { listeners.delete(entry); model.off(...entry); },
  };
}

// Where only data of bars and lines on fixed axes moved, a transition of no length redraws the
// traces alone: a third of the time of a full update, which draws the axes again. A new title is
// written into its element: the widget's relayout would draw everything again.
function draw(update, deliver, views, layout) {
  if (!update.quick || document.hidden) return deliver("_py2js_update", update);
  const style_data = update.style_traces.map((_, i) =>
    Object.fromEntries(Object.entries(update.style_data)
      .map(([name, values]) => [name, values[i]]).filter(([, value]) => value !== undefined)));
  const { style_traces, layout_data } = update;
  deliver("_py2js_animate", { style_data, style_traces, layout_data: {}, animation_opts: AT_ONCE });
  const title = layout_data["title.text"];
  if (title === undefined) return;
  layout.title.text = title;
  for (const view of views) {
    view.layout.title.text = title;
    view.querySelector(".gtitle").textContent = title;
  }
}

const CONFIG = { responsive: true, displaylogo: false };

const AT_ONCE = {
  mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false },
};

// Calls `react` whenever `element` is shown at another width than before, out of sight counting as
// none; the promise holds once it has one. Out of sight plotly would draw 700 pixels wide, and for
// nobody.
function followWidth(element, react) {
  let observer;
  const shown = new Promise((resolve) => {
    observer = new ResizeObserver(() => {
      if (!element.clientWidth) return;
      resolve();
      react();
    });
    observer.observe(element);
  });
  return [shown, () => observer.disconnect()];
}

// What was drawn or updated out of sight, or while the page was still moving, has another width
// than its element.
function fit(el) {
  const drawn = el._fullLayout?.width;
  const place = el.clientWidth;
  if (drawn && place && Math.abs(drawn - place) > 1) el._responsiveChartHandler?.();
}

// By itself a slider's handle has no name for a screen reader, and tells an exponent or a place in a
// list as its value. It is given its label, and what its readout shows. Its arrow
// keys are its own: Notebook 7 would take them for cells.
function speak(handle) {
  handle.dataset.lmSuppressShortcuts = "true";
  const parts = handle.closest(".widget-inline-hbox");
  const label = parts?.querySelector(".widget-label");
  const readout = parts?.querySelector(".widget-readout");
  if (!label || !readout || handle.hasAttribute("aria-label")) return;
  handle.setAttribute("aria-label", label.textContent);
  const say = () => {
    const now = readout.textContent;
    if (handle.getAttribute("aria-valuetext") !== now) handle.setAttribute("aria-valuetext", now);
  };
  const watch = new MutationObserver(say);
  watch.observe(handle, { attributeFilter: ["aria-valuetext"] });
  watch.observe(readout, { childList: true, characterData: true, subtree: true });
  say();
}

// All sliders there are, and those to come once they are reached.
function speakAll() {
  document.querySelectorAll(".noUi-handle").forEach(speak);
  if (globalThis.labkitSpeaks) return;
  globalThis.labkitSpeaks = true;
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches(".noUi-handle")) speak(target);
  });
}

// `initialize` does not wait for the script: anywidget gives a model two seconds, then gives up.
export default () => {
  let link, ready;
  return {
    initialize({ model }) {
      ready = (globalThis[model.get("_key")] ??= load(model)).then(async (factory) => {
        const figure = factory();
        await figure.initialize({ model: link });
        return figure;
      });
      link = oneWay(model, ready);
    },
    async render({ el }) {
      const [shown, unfollow] = followWidth(el, () => fit(el));
      const [figure] = await Promise.all([ready, shown]);
      const before = new Set(link.listeners);
      const remove = await figure.render({ model: link, el });
      link.views.add(el);
      fit(el);
      const alt = link.get("_widget_layout").meta?.alt;
      if (alt) Object.entries({ role: "img", "aria-label": alt }).forEach((a) => el.setAttribute(...a));
      speakAll();
      const own = [...link.listeners].filter((entry) => !before.has(entry));
      return () => { unfollow(); own.forEach(link.forget); link.views.delete(el); remove?.(); };
    },
  };
};
