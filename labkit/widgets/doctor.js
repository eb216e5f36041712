// Says which front end draws this page and how fast the kernel answers it. It needs what every
// live figure needs, a front end with anywidget: where it stays empty, no slider will move a figure.

const ROUNDS = 10;
const PATIENCE = 10_000; // ms; a cell that is still running may hold the answers back

// JupyterLab, Notebook 7 and JupyterLite describe themselves in this element.
function frontEnd() {
  try {
    const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
    if (page.appName) return `${page.appName} ${page.appVersion}`;
  } catch { /* another front end */ }
  if (globalThis.google?.colab) return "Google Colab";
  return /vscode/.test(location.href) ? "VS Code" : "an unknown front end";
}

// Chrome's mark is in Edge's and Opera's name too, so they are asked for first.
const BROWSERS = { Edg: "Edge", OPR: "Opera", Firefox: "Firefox", Chrome: "Chrome", Version: "Safari" };

function browser() {
  const version = (mark) => navigator.userAgent.match(new RegExp(`${mark}/(\\d+)`))?.[1];
  const mark = Object.keys(BROWSERS).find(version);
  return mark ? `${BROWSERS[mark]} ${version(mark)}` : "an unknown browser";
}

// Milliseconds until the kernel has sent `ping` back; other pages get the same messages.
function roundTrip(model, ping) {
  return new Promise((resolve) => {
    const sent = performance.now();
    const hear = (message) => {
      if (message.pong !== ping) return;
      model.off("msg:custom", hear);
      resolve(performance.now() - sent);
    };
    model.on("msg:custom", hear);
    model.send({ ping });
  });
}

async function measure(model, say) {
  const late = setTimeout(() => say("The kernel has not answered for 10 s. If a cell is running, "
    + "wait for it; if none is, restart the kernel."), PATIENCE);
  const took = [];
  for (let i = 0; i < ROUNDS; i++) took.push(await roundTrip(model, `${Math.random()}`));
  clearTimeout(late);
  const ms = (took.sort((a, b) => a - b)[ROUNDS / 2 - 1] + took[ROUNDS / 2]) / 2;
  say(`The kernel answers in ${ms.toFixed(0)} ms (median of ${ROUNDS}).`);
  model.set("answer", { front_end: frontEnd(), browser: browser(), ms });
  model.save_changes();
}

export default {
  render({ model, el }) {
    el.setAttribute("aria-live", "polite");
    const say = (text) => { el.textContent = `Drawn by ${frontEnd()} in ${browser()}. ${text}`; };
    say("Asking the kernel ...");
    measure(model, say); // not awaited: the line is there at once
  },
};
