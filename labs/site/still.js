// Printed panels: a control moved takes the figure drawn beforehand for its setting.
"use strict";
(() => {
  // See labkit/widgets/stored.py: [value] replaces, {key: change} goes inside, 0 takes away.
  const patched = (old, change) => {
    if (Array.isArray(change)) return change[0];
    if (Object.keys(change).length === 0) return old;
    const list = Array.isArray(old);
    const copy = list ? old.slice() : { ...old };
    for (const [key, inside] of Object.entries(change)) {
      if (inside === 0) delete copy[key];
      else copy[key] = patched(copy[key], inside);
    }
    return copy;
  };

  // The recorded setting nearest to the one asked for: as it is, then with the other sliders at
  // their start, then with all other knobs there.
  const recorded = (knobs, settings, places, moved) => {
    const back = (kinds) =>
      places.map((place, i) => (i === moved || !kinds.includes(knobs[i].kind) ? place : knobs[i].start));
    const tries = [places, back(["range"]), back(["range", "choice", "switch"])];
    return tries.find((each) => settings[each.join(",")]) || knobs.map((knob) => knob.start);
  };

  const config = { displayModeBar: false, responsive: true };

  class Still {
    constructor(box) {
      this.box = box;
      this.plots = [...box.querySelectorAll(".still-figure")];
      this.inputs = [...box.querySelectorAll("input, select")];
      this.drawn = false;
      for (const input of this.inputs) {
        input.addEventListener("input", () => this.move(input));
      }
    }

    // A panel shown twice holds its figures where it was shown first.
    get data() {
      const { of } = this.box.querySelector("script").dataset;
      const holder = of ? document.getElementById(of).closest(".still") : this.box;
      this.parsed ??= JSON.parse(holder.querySelector("script").textContent);
      return this.parsed;
    }

    // Position of a control among the knobs: the end of its id.
    knob(input) {
      return Number(input.id.split("-").pop());
    }

    read(input) {
      if (input.type === "checkbox") return Number(input.checked);
      return input.tagName === "SELECT" ? input.selectedIndex : Number(input.value);
    }

    move(input) {
      const { knobs, settings } = this.data;
      const places = knobs.map((knob) => knob.start);
      for (const each of this.inputs) places[this.knob(each)] = this.read(each);
      this.places = recorded(knobs, settings, places, this.knob(input));
      for (const each of this.inputs) this.write(each, this.places[this.knob(each)]);
      this.asked ??= requestAnimationFrame(() => {
        this.asked = undefined;
        this.draw();
      });
    }

    write(input, place) {
      if (input.type === "checkbox") input.checked = place === 1;
      else if (input.tagName === "SELECT") input.selectedIndex = place;
      else {
        const text = this.data.knobs[this.knob(input)].texts[place];
        input.value = place;
        input.setAttribute("aria-valuetext", text);
        input.nextElementSibling.textContent = text;
      }
    }

    draw() {
      const { knobs, figures, settings } = this.data;
      const setting = settings[(this.places || knobs.map((knob) => knob.start)).join(",")];
      this.box.querySelector(".still-sentence").textContent = setting.s || "";
      this.box.querySelector(".still-error").textContent = setting.e || "";
      this.drawn = true;
      if (setting.e) return; // the last picture stays
      this.plots.forEach((plot, i) => {
        const change = setting.d ? setting.d[i] : {};
        const figure = structuredClone(patched(figures[i], change)); // plotly writes into its input
        plot.style.height = `${figure.layout.height || 340}px`;
        Plotly.react(plot, figure.data, { ...figure.layout, autosize: true }, config);
      });
    }
  }

  // What is wider than the page can be scrolled by keyboard too.
  const reachable = () => {
    for (const each of document.querySelectorAll("pre, .table-wrapper, .still-figures, div.math, .output")) {
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    }
  };

  // Two side bars of the theme that a screen reader could not tell apart.
  const name = (selector, words) => document.querySelector(selector)?.setAttribute("aria-label", words);

  const begin = () => {
    name(".sidebar-drawer", "The course");
    name(".toc-drawer", "On this page");
    const stills = new Map([...document.querySelectorAll(".still")].map((box) => [box, new Still(box)]));
    const near = new IntersectionObserver(
      (seen) => {
        for (const one of seen) {
          if (!one.isIntersecting) continue;
          near.unobserve(one.target);
          const still = stills.get(one.target);
          if (!still.drawn && still.plots.length) still.draw();
        }
      },
      { rootMargin: "600px" },
    );
    for (const box of stills.keys()) near.observe(box);
    window.addEventListener("beforeprint", () => {
      for (const still of stills.values()) if (!still.drawn && still.plots.length) still.draw();
    });
    reachable();
    window.addEventListener("resize", reachable);
  };

  window.labkitStill = { patched, recorded };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
