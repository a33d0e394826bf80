// Improves pages that work without it: selection, copying, keys, dropped files, local times, theme.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const found = event.target.closest?.(selector);
      if (found) act(found, event);
    });
  const say = (text) => {
    const live = document.getElementById("live");
    if (live) live.textContent = text;
  };
  const stored = (key, value) => {
    try {
      return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value);
    } catch {
      return null; // Storage can be forbidden; the default then holds.
    }
  };

  // Ticked rows. The form of the table holds the ticks, [data-selected] shows how many there are,
  // [data-all-matching] stands for every row the filter finds, on this page or not.
  const count = (form, spoken) => {
    const ticks = all("[data-tick]", form);
    const ticked = ticks.filter((tick) => tick.checked);
    const numbers = ticked.reduce((sum, tick) => sum + Number(tick.dataset.count ?? 1), 0).toLocaleString("en");
    const every = form.querySelector("[data-all-matching]");
    const head = form.querySelector("[data-tick-all]");
    if (head) {
      head.checked = ticks.length > 0 && ticked.length === ticks.length;
      head.indeterminate = ticked.length > 0 && ticked.length < ticks.length;
    }
    const text = every?.checked ? `${every.dataset.allMatching} selected` : `${numbers} selected`;
    all("[data-selected]", form).forEach((place) => {
      place.textContent = text;
    });
    if (spoken) say(text);
  };
  on("change", "[data-tick-all]", (head) => {
    all("[data-tick]", head.form).forEach((tick) => {
      tick.checked = head.checked;
    });
    count(head.form, true);
  });
  on("change", "[data-tick], [data-all-matching]", (tick) => count(tick.form, true));

  // Copying.
  on("click", "[data-copy], [data-copy-of]", async (button) => {
    try {
      const text = button.dataset.copy ?? document.getElementById(button.dataset.copyOf).textContent;
      await navigator.clipboard.writeText(text);
      say("Copied");
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1500);
    } catch {
      say("Copying is not allowed here");
    }
  });

  on("click", "[data-print]", () => window.print());

  // Theme: the same cookie that POST /theme sets, without leaving the page.
  on("submit", "[data-theme-form]", (form, event) => {
    const theme = event.submitter?.value;
    if (!theme) return;
    event.preventDefault();
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    document.documentElement.dataset.theme = theme;
    all("button", form).forEach((button) => button.setAttribute("aria-pressed", String(button === event.submitter)));
  });

  // Menus of the top bar close on Escape and on a click elsewhere.
  const closeMenus = (except) =>
    all(".top details[open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  document.addEventListener("click", (event) => closeMenus(event.target.closest(".top details")));

  // Keys. All but Escape can be switched off, and none works while someone types.
  const help = document.getElementById("keys");
  const search = document.getElementById("search");
  const keysOn = () => help !== null && stored("keys") !== "off";
  const places = { n: "/numbers", a: "/accounts", c: "/consents", o: "/orders" };
  let going = 0;
  const showKeys = () =>
    all("[data-keys-only]").forEach((hint) => {
      hint.hidden = !keysOn();
    });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest(".top details[open]");
      closeMenus();
      menu?.querySelector("summary").focus();
      return;
    }
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !keysOn()) return;
    if (going && event.timeStamp - going < 1500 && Object.hasOwn(places, event.key)) {
      event.preventDefault();
      location.assign(places[event.key]);
    } else if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      help.showModal();
    }
    going = event.key === "g" ? event.timeStamp : 0;
  });
  on("click", "[data-keys-help]", () => {
    closeMenus();
    help.showModal();
  });
  on("change", "#keys-on", (box) => {
    stored("keys", box.checked ? "on" : "off");
    showKeys();
  });

  // A file dropped on a form[data-drop]: on a text area it becomes text, elsewhere the chosen file.
  const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  on("dragover", "[data-drop]", (form, event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    form.classList.add("over");
  });
  on("dragleave", "[data-drop]", (form, event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("over");
  });
  on("drop", "[data-drop]", async (form, event) => {
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    form.classList.remove("over");
    const area = event.target.closest("textarea");
    const input = form.querySelector("input[type=file]");
    const { files } = event.dataTransfer;
    const isText = files.length === 1 && file.size <= 1_000_000 && /\.(csv|tsv|txt)$/i.test(file.name);
    if (area && isText) {
      area.value = await file.text();
      say(`Text of ${file.name} taken over`);
    } else if (input) {
      input.files = files;
      say(files.length === 1 ? `${file.name} chosen` : `${files.length} files chosen`);
    }
  });

  // Large files say how far they have been sent. What is answered is shown as if the browser had sent them.
  const megabytes = (bytes) => (bytes / 1_048_576).toFixed(1);
  on("submit", "form[data-drop]", (form, event) => {
    const files = [...(form.querySelector("input[type=file]")?.files ?? [])];
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (event.defaultPrevented || size < 1_048_576) return;
    event.preventDefault();
    const told = document.createElement("p");
    const bar = document.createElement("progress");
    const words = document.createElement("span");
    told.className = "row";
    bar.max = size;
    bar.setAttribute("aria-label", "Sent");
    told.append(bar, words);
    form.querySelector(".actions")?.before(told);
    const buttons = all("button", form);
    const request = new XMLHttpRequest();
    let spoken = 0;
    const tell = (text, aloud) => {
      words.textContent = text;
      if (aloud) say(text);
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.max = total;
      bar.value = loaded;
      const quarter = Math.floor((4 * loaded) / total);
      tell(`${megabytes(loaded)} of ${megabytes(total)} MB sent`, quarter > spoken);
      spoken = quarter;
    });
    request.upload.addEventListener("load", () => tell("All is sent and being read", true));
    request.addEventListener("load", () => {
      if (request.responseURL && new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
        location.assign(request.responseURL);
        return;
      }
      document.open();
      document.write(request.responseText);
      document.close();
    });
    request.addEventListener("error", () => {
      tell("It could not be sent: the connection broke off. Nothing was stored; try again.", true);
      bar.remove();
      buttons.forEach((button) => (button.disabled = false));
    });
    const body = new FormData(form, event.submitter);
    buttons.forEach((button) => (button.disabled = true));
    request.open("POST", form.action);
    request.send(body);
  });

  // What has to be done again after a part of the page was exchanged.
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const improve = () => {
    all("time[datetime]").forEach((time) => {
      const instant = new Date(time.dateTime);
      if (Number.isNaN(instant.getTime()) || !time.dateTime.includes("T")) return;
      const text = local.format(instant);
      if (time.textContent === text) return;
      time.title = time.textContent;
      time.textContent = text;
    });
    const scripted = ["copy", "copy-of", "print", "tick-all", "keys-help"];
    all(scripted.map((what) => `[data-${what}][hidden]`).join(", ")).forEach((control) => {
      control.hidden = false;
    });
    all("form:has([data-selected])").forEach((form) => count(form, false));
  };
  improve();
  showKeys();
  const box = document.getElementById("keys-on");
  if (box) box.checked = keysOn();
  document.querySelector("[data-error-summary]")?.focus();
  document.addEventListener("htmx:after:swap", (event) => {
    improve();
    const summary = document.querySelector("[data-error-summary]");
    if (summary && event.detail?.ctx?.sourceElement?.matches("form")) summary.focus();
  });
})();
