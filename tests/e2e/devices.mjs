/** A desktop and a phone of one user, with up to three tabs each in Chromium, through random schedules on a real hub. */
import assert from "node:assert/strict";
import { DEADLINE_MS, pause, until } from "./programs.mjs";

/** What happens, in an order that the seed says; `offline` also ends it. */
const STEPS = [
  ...Array(13).fill("click"),
  ...Array(4).fill("publish"),
  ...["offline", "offline", "open", "open", "crash", "close", "reload", "restart"],
];
const MOST_TABS = 3;
/** Reconnection after a restart of the hub, and an attempt that failed just before. */
const AGREE_MS = 90_000;
const LONGEST_PAUSE_MS = 150;

/** A generator of numbers below 1 (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Tab {
  constructor(page) {
    this.page = page;
    this.crashed = false;
    page.on("crash", () => (this.crashed = true));
  }

  /** Click what the bell shows; return the ids that this archived. */
  click(kind, at) {
    return this.page.evaluate(
      ([kind, at]) => {
        bell.open = true;
        const root = bell.shadowRoot;
        const rows = [...root.querySelectorAll(".bell-list li")];
        if (kind === "mark-all" || kind === "clear") root.querySelector(`[part=${kind}]`).click();
        else if (rows.length) rows[at % rows.length].querySelector(`[data-action=${kind}]`).click();
        const ids = kind === "clear" ? rows : kind === "archive" ? rows.slice(at % rows.length).slice(0, 1) : [];
        return ids.map(({ dataset }) => dataset.id);
      },
      [kind, at],
    );
  }

  /** Show the archive, or the list again. */
  show(part) {
    return this.page.evaluate((part) => {
      bell.open = true;
      bell.shadowRoot.querySelector(`[part=${part}]`).click();
    }, part);
  }

  /** Return what a person sees: the rows, read and unread, and the badge. */
  see() {
    return this.page.evaluate(() => {
      const root = bell.shadowRoot;
      const rows = [...root.querySelectorAll(".bell-list li")];
      const list = rows.map(({ dataset, className }) => `${dataset.id} ${className}`);
      return {
        list,
        badge: root.querySelector(".bell-badge")?.textContent ?? "0",
        more: !root.querySelector(".more").hidden,
      };
    });
  }
}

class Device {
  tabs = [];
  isOffline = false;

  constructor(context, address) {
    this.context = context;
    this.address = address;
  }

  async open() {
    // A page cannot be loaded without a network; one that is open goes on.
    if (this.isOffline || this.tabs.length >= MOST_TABS) return;
    const page = await this.context.newPage();
    await page.goto(this.address);
    await page.waitForFunction("window.inbox && bell.shadowRoot");
    this.tabs.push(new Tab(page));
  }

  async close(tab) {
    this.tabs = this.tabs.filter((one) => one !== tab);
    await tab.page.close();
  }

  /** Kill the process of a tab; the browser may have put the device's other tabs into it, too. */
  async crash(tab) {
    const devtools = await this.context.newCDPSession(tab.page);
    devtools.send("Page.crash").catch(() => {});
    await until(() => tab.crashed, "the tab has crashed");
    for (const one of this.tabs.filter(({ crashed }) => crashed)) await this.close(one);
  }

  async setOffline(isOffline) {
    this.isOffline = isOffline;
    await this.context.setOffline(isOffline);
  }
}

async function ask(harness, token, query) {
  const answer = await fetch(`${harness.hubUrl}/api/inbox?limit=100${query}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

/** Return what every tab has to show, by the hub: its list, or its archive. */
async function readHub(harness, token, isArchive = false) {
  const { unread } = await ask(harness, token, "");
  const { notifications } = await ask(harness, token, `&archived=${isArchive}`);
  const list = notifications.map(({ id, read }) => `${id} ${read || isArchive ? "is-read" : "is-unread"}`);
  return { list, badge: String(unread), more: false };
}

/** Wait until all tabs show the list, or the archive, as the hub has it. */
async function waitUntilAgreed(harness, token, tabs, isArchive) {
  for (const tab of tabs) await tab.show(isArchive ? "archived" : "filter");
  let owed;
  let seen;
  await until(
    async () => {
      owed = JSON.stringify(await readHub(harness, token, isArchive));
      seen = (await Promise.all(tabs.map((tab) => tab.see()))).map((one) => JSON.stringify(one));
      return seen.every((one) => one === owed);
    },
    `the tabs agree on the ${isArchive ? "archive" : "list"}`,
    AGREE_MS,
  ).catch((error) => {
    throw new Error(`${error.message}; the hub has\n${owed}\nand the tabs show\n${seen.join("\n")}`);
  });
}

/** Run the schedule of a seed, and compare the hub and all tabs at its end. */
export async function runSchedule(harness, seed) {
  const random = seeded(seed);
  const below = (most) => Math.floor(random() * most);
  const pick = (all) => all[below(all.length)];
  const user = { user_id: `user-${seed}`, account_id: "account" };
  const token = await harness.sign(user);
  const devices = [];
  /** What was archived anywhere: it must be archived in the end, whatever happened to the tab. */
  const archived = new Set();

  const click = async (tab) => {
    const rare = random() < 0.3 ? "clear" : "open";
    const kind = pick(["toggle", "toggle", "toggle", "archive", "archive", "mark-all", rare]);
    for (const id of await tab.click(kind, below(100))) archived.add(id);
  };
  const step = async (what) => {
    const device = pick(devices);
    device.tabs = device.tabs.filter(({ crashed }) => !crashed);
    const tab = pick(device.tabs);
    if (what === "offline") await device.setOffline(!device.isOffline);
    else if (what === "open") await device.open();
    else if (what === "restart") {
      await harness.hub.kill();
      await harness.hub.start(harness.env);
    } else if (what === "publish" || !tab) await harness.publish({ ...user, title: "Estoque baixo" });
    else if (what === "click") await click(tab);
    else if (what === "crash") await device.crash(tab);
    else if (what === "close") await device.close(tab);
    else if (!device.isOffline) await tab.page.reload();
  };

  try {
    for (let count = 0; count < 4; count++) await harness.publish({ ...user, title: "Estoque baixo" });
    for (const tabs of [2, 1]) {
      const context = await harness.browser.newContext({ viewport: { width: 700, height: 700 } });
      context.setDefaultTimeout(DEADLINE_MS);
      const device = new Device(context, harness.page + harness.realOf(token));
      devices.push(device);
      for (let count = 0; count < tabs; count++) await device.open();
    }
    for (const [, what] of STEPS.map((what) => [random(), what]).sort(([a], [b]) => a - b)) {
      await step(what);
      if (random() < 0.5) await pause(below(LONGEST_PAUSE_MS));
    }
    for (const device of devices) {
      await device.setOffline(false);
      device.tabs = device.tabs.filter(({ crashed }) => !crashed);
      if (!device.tabs.length) await device.open();
    }
    const tabs = devices.flatMap((device) => device.tabs);
    await until(
      async () => {
        const { notifications } = await ask(harness, token, "&archived=true");
        return [...archived].every((id) => notifications.some((one) => one.id === id));
      },
      `the hub has what was archived: ${[...archived].join(", ")}`,
      AGREE_MS,
    );
    for (const isArchive of [false, true]) await waitUntilAgreed(harness, token, tabs, isArchive);
  } finally {
    for (const { context } of devices) await context.close();
  }
}

/** Run several schedules; `FIRST=17 SCHEDULES=1` repeats one. */
export async function runSchedules(harness, count) {
  const first = Number(process.env.FIRST ?? 1);
  const last = first + Number(process.env.SCHEDULES ?? count);
  for (let seed = first; seed < last; seed++) {
    await runSchedule(harness, seed).catch((error) => {
      throw new Error(`FIRST=${seed} SCHEDULES=1 repeats it: ${error.message}`, { cause: error });
    });
  }
}
