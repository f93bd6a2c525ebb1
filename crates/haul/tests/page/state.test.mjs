// What the page holds and in what order it shows it: the same as from the beginning, however it came about.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { wanted as changes } from "../../src/web/page/js/change.js";
import { add, move, requests, suits } from "../../src/web/page/js/commands.js";
import { corners, roof } from "../../src/web/page/js/graph.js";
import { History, SECONDS } from "../../src/web/page/js/history.js";
import { placeAt } from "../../src/web/page/js/order.js";
import { Selection } from "../../src/web/page/js/selection.js";
import { Downloads, groupOf } from "../../src/web/page/js/state.js";
import { bytesOf, halves, hasUrl, hostOf, isUrl, sizeOf, wanted } from "../../src/web/page/js/urls.js";
import { View } from "../../src/web/page/js/view.js";

// Browsers and later Nodes have it; the Node 18 that Debian 12 has does not.
globalThis.crypto ??= webcrypto;

const STATUSES = ["queued", "probing", "downloading", "paused", "verifying", "delivering", "completed", "failed", "cancelled"];
const stats = {};

/** Numbers that look random and are the same in every run. */
function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % sides;
  };
}

function download(number, roll) {
  return {
    id: String(number).padStart(16, "0"), name: `file-${roll(40)}.bin`, url: `http://host/${number}`,
    status: STATUSES[roll(STATUSES.length)], size: roll(4) ? roll(1000) : null, done: 0, progress: roll(3) ? roll(100) : null,
    speed: roll(5), eta: roll(2) ? roll(50) : null, threads: { active: roll(9), limit: 8 }, priority: 0,
    position: roll(2) ? roll(1000) : null, added_at: `2026-01-01T00:00:0${roll(10)}Z`,
  };
}

test("changes lead to the same list as everything from the beginning", () => {
  for (const key of ["added", "name", "progress", "size", "speed", "eta", "threads", "queue"]) {
    for (const group of ["all", "active", "failed"]) {
      const roll = dice(key.length * 7 + group.length);
      const downloads = new Downloads();
      const view = new View(downloads, new Intl.Collator("en"));
      view.set({ group, search: roll(2) ? "file-1" : "", sorting: { key, direction: roll(2) ? 1 : -1 } });
      let next = 0;
      for (let round = 0; round < 60; round++) {
        const known = [...downloads.byId.keys()];
        const changes = Array.from({ length: roll(12) }, () => {
          const isNew = known.length === 0 || roll(3) === 0;
          return isNew ? download(next++, roll) : { ...download(0, roll), id: known[roll(known.length)] };
        });
        const removed = known.length > 20 ? [known[roll(known.length)]] : [];
        view.update(downloads.apply({ downloads: changes, removed, stats }));
        const held = [...view.ids];
        view.rebuild();
        assert.deepEqual(held, view.ids, `${key} ${group} ${round}`);
      }
    }
  }
});

test("the counts are those of the downloads", () => {
  const roll = dice(3);
  const downloads = new Downloads();
  downloads.apply({ downloads: Array.from({ length: 200 }, (_, at) => download(at, roll)), removed: [], stats });
  const ids = [...downloads.byId.keys()];
  downloads.apply({ downloads: ids.slice(0, 50).map((id) => ({ id, status: "completed" })), removed: ids.slice(50, 60), stats });
  const count = (group) => [...downloads.byId.values()].filter(({ status }) => groupOf(status) === group).length;
  for (const group of ["active", "queued", "paused", "completed", "failed"]) assert.equal(downloads.counts[group], count(group), group);
  assert.equal(downloads.counts.all, 190);
});

test("after a loss the whole state takes the place of what was held", () => {
  const roll = dice(5);
  const downloads = new Downloads();
  downloads.replace({ downloads: [download(1, roll), download(2, roll)], stats });
  const touched = downloads.replace({ downloads: [download(2, roll), download(3, roll)], stats });
  assert.deepEqual([...downloads.byId.keys()], ["0000000000000002", "0000000000000003"]);
  assert.deepEqual([...touched.removed], ["0000000000000001"]);
});

test("a field that is null is taken over, one that is left out stays", () => {
  const downloads = new Downloads();
  downloads.replace({ downloads: [{ id: "1", status: "queued", reason: "waits", size: 5 }], stats });
  downloads.apply({ downloads: [{ id: "1", reason: null }], removed: [], stats });
  assert.deepEqual(downloads.byId.get("1"), { id: "1", status: "queued", reason: null, size: 5 });
});

test("what was added together stays in the order in which it was given", () => {
  const roll = dice(1);
  const downloads = new Downloads();
  const view = new View(downloads, new Intl.Collator("en"));
  const batch = (from, time) => [0, 1, 2].map((at) => ({ ...download(from + at, roll), added_at: time }));
  view.update(downloads.replace({ downloads: [...batch(10, "2026-01-01T00:00:00Z"), ...batch(20, "2026-01-01T00:00:05Z")], stats }));
  assert.deepEqual(view.ids.map(Number), [20, 21, 22, 10, 11, 12]);
});

test("a range is chosen in the order that is shown, in both directions", () => {
  const selection = new Selection(() => {});
  const order = ["a", "b", "c", "d", "e"];
  selection.toggle("d");
  selection.reach("b", order);
  assert.deepEqual([...selection.ids].sort(), ["b", "c", "d"]);
  selection.within(new Set(["a", "b", "d"]));
  assert.deepEqual([...selection.ids].sort(), ["b", "d"]);
  selection.all(order);
  assert.equal(selection.ids.size, 5);
  selection.all(order);
  assert.equal(selection.ids.size, 0);
});

test("a range that is taken back lets go of what it has chosen, and of nothing else", () => {
  const order = ["a", "b", "c", "d", "e"];
  const selection = new Selection(() => {});
  selection.toggle("e");
  selection.toggle("a");
  selection.reach("d", order);
  assert.equal(selection.ids.size, 5);
  selection.reach("b", order);
  assert.deepEqual([...selection.ids].sort(), ["a", "b", "e"]);
  selection.begin("c");
  selection.reach("d", order);
  assert.equal(selection.ids.size, 5);
});

test("a range begins at nothing that was forgotten", () => {
  const order = ["a", "b", "c", "d", "e"];
  const cleared = new Selection(() => {});
  cleared.toggle("a");
  cleared.clear();
  cleared.reach("d", order);
  assert.deepEqual([...cleared.ids], ["d"]);
  const hidden = new Selection(() => {});
  hidden.toggle("a");
  hidden.within(new Set(["b", "c", "d"]));
  hidden.reach("d", order);
  assert.deepEqual([...hidden.ids], ["d"]);
});

test("what a filter hides is no longer chosen", () => {
  const roll = dice(11);
  const downloads = new Downloads();
  const view = new View(downloads, new Intl.Collator("en"));
  const selection = new Selection(() => {});
  const all = [1, 2, 3].map((number) => ({ ...download(number, roll), status: "downloading" }));
  view.update(downloads.replace({ downloads: all, stats }));
  view.set({ group: "active" });
  selection.all(view.ids);
  view.update(downloads.apply({ downloads: [{ id: all[0].id, status: "paused" }], removed: [all[1].id], stats }));
  selection.within(view.keys);
  assert.deepEqual([...selection.ids], [all[2].id]);
  view.set({ group: "queued" });
  selection.within(view.keys);
  assert.equal(selection.ids.size, 0);
});

test("URLs are found however they are pasted", () => {
  assert.deepEqual(wanted("http://h/a\r\n\n# a note\n  https://h/b  \n"), [
    { line: "http://h/a", url: "http://h/a", mirrors: [] }, { line: "https://h/b", url: "https://h/b", mirrors: [] },
  ]);
  assert.deepEqual(wanted("http://h/a http://h/b").map(({ url }) => url), ["http://h/a", "http://h/b"]);
  assert.deepEqual(wanted("http://h/a\thttp://m/a\thttp://n/a")[0].mirrors, ["http://m/a", "http://n/a"]);
  // What is no URL is kept, so that it can be corrected.
  assert.deepEqual(wanted("a file.iso").map(({ url }) => url), ["a file.iso"]);
  assert.equal(hasUrl("see https://h/a"), true);
  assert.equal(hasUrl("mailto:a@b http:"), false);
  assert.equal(hostOf("http://user:pw@host:81/x@y"), "host:81");
});

test("what stands between and around pasted URLs is no part of them", () => {
  const urls = (text) => wanted(text).map(({ url, mirrors }) => [url, ...mirrors].join(" | "));
  assert.deepEqual(urls("http://h/a.bin, http://h/b.bin"), ["http://h/a.bin", "http://h/b.bin"]);
  assert.deepEqual(urls("http://h/a.bin , http://h/b.bin,"), ["http://h/a.bin", "http://h/b.bin"]);
  assert.deepEqual(urls('"http://h/a"\n\'http://h/b\'\n<http://h/c>'), ["http://h/a", "http://h/b", "http://h/c"]);
  assert.deepEqual(urls('"http://h/a", <http://h/b>,\n"http://h/c",'), ["http://h/a", "http://h/b", "http://h/c"]);
  assert.deepEqual(urls('<http://h/a>\t"http://m/a"'), ["http://h/a | http://m/a"]);
  // A mirror stays one, whatever blanks stand beside its TAB.
  assert.deepEqual(urls("http://h/a \t http://m/a"), ["http://h/a | http://m/a"]);
  // A comma and a quote can be part of a URL that stands alone.
  assert.deepEqual(urls("http://h/a,b,\nhttp://h/it's'"), ["http://h/a,b,", "http://h/it's'"]);
  assert.equal(hasUrl('see "http://h/a"'), true);
  assert.deepEqual(["http://h/a", "HTTPS://h", "not-a-url", "ftp://h/a", "http://"].map(isUrl), [true, true, false, false, false]);
});

test("a name that is written from right to left stays whole", () => {
  for (const name of ["קובץ ארוך מאוד 2024 final version.tar.gz", "report-تقرير-of-the-year-2024.pdf", `${"𞤀".repeat(20)}.bin`]) {
    assert.deepEqual(halves(name), [name, ""]);
  }
});

test("a download is changed only where it differs from what it has now", () => {
  const now = { speed_limit: 2 << 20, threads: { limit: 4 }, priority: 0, name: "a.iso", url: "http://h/a" };
  const form = (more) => new Map(Object.entries({ speed_limit: "2M", threads: "4", priority: "0", name: "a.iso", url: "", ...more }));
  assert.deepEqual(changes(form({}), now), {});
  assert.deepEqual(changes(form({ speed_limit: "2 MiB/s", threads: "", url: " http://h/a " }), now), {});
  // Eight was there when the form was opened, and somebody else has made it four.
  assert.deepEqual(changes(form({ threads: "8", speed_limit: "" }), now), { threads: 8, speed_limit: 0 });
  assert.equal(changes(form({ speed_limit: "0.4" }), now), null);
});

test("a name is cut in the middle of no character, and keeps its extension", () => {
  assert.deepEqual(halves("short.iso"), ["short.iso", ""]);
  assert.equal(halves("a-very-long-name-of-a-file.tar.gz")[1], "ile.tar.gz".slice(-9));
  for (const name of ["😀".repeat(20), "a".repeat(40), `${"x".repeat(30)}.${"y".repeat(20)}`, `.${"x".repeat(30)}`]) {
    const [start, end] = halves(name);
    assert.equal(start + end, name);
    // Throws at half a character.
    assert.doesNotThrow(() => [start, end].map(encodeURIComponent));
  }
});

test("sizes are read as the daemon reads them", () => {
  assert.deepEqual(["2M", "512k", "1,5 MiB/s", "100", "1G"].map(bytesOf), [2 << 20, 512 << 10, 1.5 * 2 ** 20, 100, 2 ** 30]);
  assert.deepEqual(["", "fast", "-1", "1X"].map(bytesOf), [null, null, null, null]);
  assert.deepEqual(["5 МиБ/с", "5\u00a0МБ", "5 М", "512к", "100 Б"].map(bytesOf), [5 << 20, 5 << 20, 5 << 20, 512 << 10, 100]);
  // What is next to nothing is not "no limit", and `1,023 B` is not one byte.
  assert.deepEqual(["0.4", "0.0001K", "1,023 B", "0"].map(bytesOf), [null, null, null, 0]);
});

test("a limit is shown so that it can be read again", () => {
  assert.deepEqual([5 << 20, 1.5 * 2 ** 20, 2 ** 30, 1000].map(sizeOf), ["5M", "1536K", "1G", "1000"]);
  for (const bytes of [1, 1023, 1024, 1025, 5 << 20, (5 << 20) + 1, 2 ** 40]) assert.equal(bytesOf(sizeOf(bytes)), bytes);
});

test("no request is longer than the daemon reads, and those with mirrors go alone", () => {
  const many = Array.from({ length: 30_000 }, (_, at) => ({ url: `http://host/${"x".repeat(60)}/${at}`, mirrors: [] }));
  const bodies = [...requests([...many, { url: "http://h/a", mirrors: ["http://m/a"] }], { paused: true })];
  assert.ok(bodies.every((body) => JSON.stringify(body).length < 4 << 20));
  assert.equal(bodies.flatMap((body) => body.urls ?? []).length, 30_000);
  assert.deepEqual(bodies.filter((body) => body.mirrors), [{ url: "http://h/a", mirrors: ["http://m/a"], paused: true }]);
  assert.ok(bodies.every((body) => body.paused));
});

test("no command is offered that the daemon would refuse", () => {
  assert.equal(suits("pause", "completed"), false);
  assert.equal(suits("retry", "failed"), true);
  assert.equal(suits("resume", "downloading"), false);
  assert.equal(suits("cancel", "completed"), false);
});

test("the graph ends at the right edge and never leaves its room", () => {
  const room = { width: 100, height: 50, top: 10 };
  assert.deepEqual(corners([0, 10], 3, 10, room), ["50.0 50.0", "100.0 10.0"]);
  assert.equal(corners(Array(500).fill(1), 300, 1, room).length, 300);
  for (const most of [1, 1023, 1024, 300_000, 5 << 20, 2 ** 40]) assert.ok(roof(most) >= most && roof(most) <= Math.max(1024, most * 2), String(most));
});

test("the history forgets the oldest, and takes a countdown for one event", () => {
  const history = new History();
  for (let at = 0; at < SECONDS + 10; at++) history.sample([{ id: "1", speed: at + 1 }], at);
  assert.equal(history.of("1").length, SECONDS);
  assert.equal(history.of("1").at(-1), SECONDS + 10);
  for (const seconds of [3, 2, 1]) history.note({ id: "1", error: null, reason: `server asked to wait ${seconds} s` }, seconds);
  history.note({ id: "1", error: { code: "timeout", detail: "nothing came" }, reason: null }, 4);
  assert.deepEqual(history.events.get("1").map(({ said }) => said), ["server asked to wait 3 s", "nothing came"]);
  for (let at = 0; at <= SECONDS; at++) history.sample([], 0);
  assert.equal(history.speeds.has("1"), false);
});

/** A daemon's queue of this many, `a` first, that moves as the daemon does. */
function queue(length) {
  const ids = [..."abcdefgh"].slice(0, length);
  const calls = [];
  const call = async (method, { id, position }) => {
    calls.push(method);
    ids.splice(ids.indexOf(id), 1);
    ids.splice(position, 0, id);
  };
  const chosen = (wanted) => [...wanted].map((id) => ({ id, position: ids.includes(id) ? ids.indexOf(id) : null }));
  return { ids, calls, live: { call }, chosen };
}

test("those that are moved together keep their order, at the edges of the queue, too", async () => {
  for (const [wanted, direction, expected] of [
    ["ab", "up", "abcde"], ["ac", "up", "acbde"], ["bc", "up", "bcade"], ["abd", "up", "abdce"],
    ["de", "down", "abcde"], ["ce", "down", "abdce"], ["cd", "down", "abecd"], ["bde", "down", "acbde"], ["e", "down", "abcde"],
    ["ce", "top", "ceabd"], ["ac", "bottom", "bdeac"],
  ]) {
    const { ids, live, chosen } = queue(5);
    const outcome = await move(live, chosen(wanted), direction, 4);
    assert.equal(ids.join(""), expected, `${wanted} ${direction}`);
    assert.deepEqual(outcome.failed, []);
  }
});

test("steps that come faster than the daemon's word all count", async () => {
  const { ids, live, chosen } = queue(5);
  const one = chosen("b");
  for (const direction of ["down", "down", "down", "up"]) await move(live, one, direction, 4);
  assert.equal(ids.join(""), "acdbe");
});

test("the last one whose place is known still goes down, for there may be more behind it", async () => {
  const { ids, live, chosen } = queue(6);
  await move(live, chosen("d"), "down", 3);
  assert.equal(ids.join(""), "abcedf");
});

test("a download without a place is not moved by a step, and that is said", async () => {
  for (const direction of ["up", "down"]) {
    const { ids, calls, live, chosen } = queue(3);
    const outcome = await move(live, chosen("z"), direction, 2);
    assert.equal(ids.join(""), "abc");
    assert.deepEqual(calls, []);
    assert.deepEqual(outcome.failed.map(({ id, error }) => [id, error.code]), [["z", "no_place"]]);
  }
});

test("what is dropped among rows that wait goes behind the last one with a place", () => {
  const places = [0, 1, 2, null, null];
  assert.deepEqual([3, 4, 5].map((gap) => placeAt(2, gap, places)), [2, 2, 2]);
  assert.deepEqual([3, 4, 5].map((gap) => placeAt(0, gap, places)), [2, 2, 2]);
  assert.deepEqual([0, 1, 2, 3].map((gap) => placeAt(1, gap, places)), [0, 1, 1, 2]);
  assert.equal(placeAt(2, 0, places), 0);
});

test("an answer that is not the daemon's refuses all that was sent, with a code", async (t) => {
  const wanted = [{ url: "http://h/a", mirrors: [] }, { url: "http://h/b", mirrors: [] }];
  for (const [body, status] of [["<h1>502 Bad Gateway</h1>", 502], ['{"message":"no upstream"}', 502], ["<p>Log in", 200], ["", 500]]) {
    t.mock.method(globalThis, "fetch", async () => new Response(body, { status }));
    const { added, rejected } = await add(wanted, {});
    assert.equal(added, 0);
    assert.deepEqual(rejected.map(({ url, code }) => [url, code]), [["http://h/a", "http_status"], ["http://h/b", "http_status"]], body);
  }
});
