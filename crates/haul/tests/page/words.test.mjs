// What the page says: every message that the modules name exists in both languages, and numbers read well.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { put } from "../../src/web/page/js/acts.js";
import { causeText } from "../../src/web/page/js/causes.js";
import { read, write } from "../../src/web/page/js/fluent.js";
import { CallError } from "../../src/web/page/js/live.js";
import { Text } from "../../src/web/page/js/text.js";
import { bytesOf } from "../../src/web/page/js/urls.js";
import { about, errorText, reason, share } from "../../src/web/page/js/words.js";

const source = (lang) => readFileSync(new URL(`../../src/text/${lang}.ftl`, import.meta.url), "utf8");
const page = new URL("../../src/web/page/", import.meta.url);
const en = new Text("en", source("en"));
const ru = new Text("ru", source("ru"));

const download = (more) => ({
  id: "1", name: "a.iso", url: "http://user@host:81/a.iso?x", path: "/srv/files/iso/a.iso", status: "downloading",
  progress: 17, done: 17, size: 100, reason: null, waits: null, error: null, position: null, ...more,
});

test("a message takes values, plurals, literals and several lines", () => {
  const messages = read(`# a comment
one = Plain
two = { $a } and{ " " }{ $b }
three = { $n ->
    [one] { $n } file of { $a }
   *[other] { $n } files
  }
four = { $lang ->
    [ru] yes
   *[other] no
  }
long = first
    second
`);
  const language = { plural: (n) => new Intl.PluralRules("en").select(n), number: (n) => `#${n}` };
  const say = (name, values) => write(messages.get(name), values, language);
  assert.equal(say("one", {}), "Plain");
  assert.equal(say("two", { a: "x", b: 5 }), "x and #5");
  assert.equal(say("three", { n: 1, a: "b" }), "#1 file of b");
  assert.equal(say("three", { n: 2, a: "b" }), "#2 files");
  assert.equal(say("four", { lang: "ru" }), "yes");
  assert.equal(say("four", { lang: "de" }), "no");
  assert.equal(say("long", {}), "first\nsecond");
});

test("both languages have the same messages, and each can be said", () => {
  assert.deepEqual([...en.messages.keys()].sort(), [...ru.messages.keys()].sort());
  const values = new Proxy({}, { get: () => 3 });
  for (const text of [en, ru]) {
    for (const name of text.messages.keys()) {
      const said = text.say(name, values);
      assert.ok(said.length > 0 && !/undefined|[{}]/.test(said), `${name}: ${said}`);
    }
  }
});

test("every message that the page names exists, and none is left that nobody names", () => {
  const texts = readdirSync(new URL("js/", page)).map((file) => readFileSync(new URL(`js/${file}`, page), "utf8"));
  const rust = readFileSync(new URL("../../web.rs", page), "utf8");
  const all = [...texts, readFileSync(new URL("index.html", page), "utf8"), rust].join("\n");
  for (const [, name] of all.matchAll(/["`]((?:page|status|reason|time|unit|thread)-[a-z-]+)["`]/g)) {
    assert.ok(en.has(name), `nobody can say ${name}`);
  }
  // Names that are put together: those of the page only from words that the modules know.
  const forms = [...all.matchAll(/`((?:[a-z]+-)+\$\{[^}]*\}[a-z-]*(?:\$\{[^}]*\})?)`/g)].map(([, form]) => form)
    .concat([...all.matchAll(/messageName\("([a-z]+)", /g)].map(([, kind]) => `${kind}-\${code}`))
    .map((form) => new RegExp(`^${form.replaceAll(/\$\{[^}]*\}/g, "([a-z0-9-]+)")}$`));
  const isKnown = (word) => all.includes(`"${word}"`) || all.includes(`"${word.replaceAll("-", "_")}"`);
  for (const name of en.messages.keys()) {
    if (name.startsWith("console-")) continue;
    const isNamed = all.includes(`"${name}"`) || forms.some((form) => {
      const words = form.exec(name)?.slice(1);
      return words && (!name.startsWith("page-") || words.every(isKnown));
    });
    assert.ok(isNamed, `nobody says ${name}`);
  }
});

test("Russian counts as Russians do", () => {
  const said = [1, 2, 5, 11, 21, 22, 111].map((count) => ru.say("page-added", { count }));
  assert.deepEqual(said, [
    "Добавлена 1 загрузка", "Добавлены 2 загрузки", "Добавлено 5 загрузок", "Добавлено 11 загрузок",
    "Добавлена 21 загрузка", "Добавлены 22 загрузки", "Добавлено 111 загрузок",
  ]);
});

test("the button that cancels downloads says so, unlike the one that closes a dialog", () => {
  assert.deepEqual([1, 2, 5, 21].map((count) => ru.say("page-cancel-yes", { count })), [
    "Отменить загрузку", "Отменить 2 загрузки", "Отменить 5 загрузок", "Отменить 21 загрузку",
  ]);
  assert.deepEqual([1, 2].map((count) => en.say("page-cancel-yes", { count })), ["Cancel download", "Cancel 2 downloads"]);
  const html = readFileSync(new URL("index.html", page), "utf8");
  assert.doesNotMatch(html, /data-close[^>]*data-text="page-cancel"/);
});

test("what the page shows as a limit can be written as one, in both languages", () => {
  for (const text of [en, ru]) {
    for (const bytes of [512, 300 << 10, 5 << 20, 1.5 * 2 ** 30]) assert.equal(bytesOf(text.speed(bytes)), bytes);
  }
});

test("a name from right to left turns nothing around it", () => {
  assert.equal(en.say("page-remove-one", { name: "א.iso" }), "Remove “\u2068א.iso\u2069”?");
  assert.equal(en.say("page-remove-one", { name: "a.iso" }), "Remove “a.iso”?");
});

test("a question about many says how many of them it means", () => {
  const size = "1 MiB";
  assert.deepEqual([1, 21].map((count) => ru.say("page-files-stay", { count })), ["Готовый файл останется на месте.", "21 готовый файл останется на месте."]);
  assert.equal(en.say("page-lose-begun", { count: 1, size }), "What is here of an unfinished download, 1 MiB, will be deleted.");
  assert.equal(ru.say("page-lose-begun", { count: 21, size }), "Полученное от 21 незаконченной загрузки, 1 MiB, будет стёрто.");
});

test("sizes keep their width and never say 1024", () => {
  const sizes = [0, 1023, 1024, 1_048_525, 21_657_943, 5 * 2 ** 30, 2 ** 63].map((bytes) => en.size(bytes));
  assert.deepEqual(sizes, ["0 B", "1,023 B", "1.0 KiB", "1.0 MiB", "20.7 MiB", "5.0 GiB", "8.0 EiB"].map((size) => size.replace(" ", "\u00a0")));
  assert.equal(ru.speed(1 << 20), "1,0\u00a0МиБ/с");
  assert.equal(en.amount(5 << 20, 56 << 20), "5.0 of 56.0\u00a0MiB");
  assert.equal(en.amount(900 << 10, 56 << 20), "900.0\u00a0KiB of 56.0\u00a0MiB");
});

test("what is not complete never says 100 percent", () => {
  assert.equal(en.percent(99.99), "99.9%");
  assert.equal(en.percent(100), "100.0%");
  assert.equal(ru.percent(17), "17,0 %");
});

test("times show two units", () => {
  assert.deepEqual([0, 59, 125, 12_000, 367_200].map((seconds) => en.duration(seconds)), ["0s", "59s", "2m 05s", "3h 20m", "4d 06h"]);
  assert.equal(ru.duration(125), "2 мин 05 с");
});

test("the second line says what is wrong, else where it comes from and goes", () => {
  assert.equal(about(download({}), en), "host:81 · iso");
  assert.equal(about(download({ status: "queued", position: 2 }), en), "No. 3 in the queue · host:81 · iso");
  const waits = { code: "asked_to_wait", seconds: 30, status: 429 };
  assert.equal(about(download({ reason: "server asked to wait 30 s", waits }), ru), "Сервер просит подождать 30 с (429) · host:81 · iso");
  const error = { code: "not_found", detail: "the server answers 404 (Not Found)", url: null, status: 404, retryable: false };
  assert.equal(about(download({ status: "failed", error }), ru), "На сервере нет этого файла (404)");
});

test("why it waits is said by the name of the cause, with its figures", () => {
  for (const [waits, expected] of [
    [{ code: "no_network", seconds: 75 }, "Нет сети; новая попытка через 1 мин 15 с"],
    [{ code: "connections", active: 2, most: 4 }, "Соединений с этим сервером: 2 из 4 разрешённых"],
    [{ code: "connections", active: 0, most: 4 }, "Ждёт соединения: с этим сервером их не больше 4, и все заняты"],
    [{ code: "disk_space" }, "Ждёт места на диске"],
    [{ code: "checking" }, "Проверяет то, что уже есть на диске"],
    [{ code: "timeout", seconds: 4 }, "Сервер не ответил вовремя; новая попытка через 4 с"],
    [{ code: "busy", seconds: 4, status: 503 }, "Сервер перегружен (503); новая попытка через 4 с"],
  ]) assert.equal(reason({ reason: "in English", waits }, ru), expected);
});

test("why it is no faster is said with figures, and without what is not known as the daemon says it", () => {
  const blocks = [{ state: "streaming", speed: 1 << 20 }, { state: "streaming", speed: 1 << 16 }, { state: "retrying", speed: 0 }];
  const busy = download({ blocks, attempts: 7, speed: 1 << 20, speed_limit: 1 << 20, wasted: 2048, waits: { code: "disk_space" } });
  const settings = { max_downloads: 3, max_connections: 64, max_connections_per_host: 16, speed_limit: 2 << 20 };
  const context = { text: ru, settings, downloads: { stats: { active: 3, connections: 12, free_space: 5 << 20 } } };
  const said = (code) => causeText({ code, detail: "in English" }, busy, context).replaceAll("\u00a0", " ");
  assert.equal(said("retrying"), "Потоки, которые ждут повторной попытки: 1 из 3. Повторов до сих пор: 7.");
  assert.equal(said("uneven"), "Некоторые соединения намного медленнее других: от 64,0 КиБ/с до 1,0 МиБ/с. Быстрые перенимают их работу.");
  assert.equal(said("line"), "Здесь ничто не мешает: сервер и канал дают 1,0 МиБ/с на 2 соединения.");
  assert.equal(said("overall_limit"), "Скорость упёрлась в общее ограничение, 2,0 МиБ/с.");
  assert.equal(said("waits"), "Ждёт места на диске: осталось получить 83 Б, свободно 5,0 МиБ.");
  assert.equal(said("a_new_one"), "in English");
  assert.equal(causeText({ code: "line", detail: "in English" }, busy, { ...context, settings: null }), "in English");
});

test("an order that the daemon refuses is refused in the language of the page", async () => {
  const told = [];
  const call = async () => { throw new CallError("illegal_state", "download 1 cannot be moved: it runs"); };
  const downloads = { byId: new Map([["1", download({})]]) };
  await put({ live: { call }, text: ru, downloads, toast: (said) => told.push(said) }, "1", 0);
  assert.deepEqual(told, ["a.iso: Сейчас это невозможно"]);
});

test("of an option that is refused, the daemon's words say which", () => {
  assert.equal(errorText("invalid_option", "threads: 1 to 256", undefined, ru), "Так нельзя: threads: 1 to 256");
});

test("what has no translation is said as the daemon says it", () => {
  assert.equal(reason({ reason: "something new", waits: null }, ru), "something new");
  assert.equal(reason({ reason: "something new", waits: { code: "newer" } }, ru), "something new");
  assert.equal(errorText("new_code", "it is new", undefined, ru), "it is new");
});

test("over the bar stands a figure or a word, whatever is known", () => {
  assert.equal(share(download({}), en), "17.0%");
  assert.equal(share(download({ progress: null, size: null, done: 2048 }), en), "2.0\u00a0KiB");
  assert.equal(share(download({ status: "verifying" }), en), "Verifying");
  assert.equal(share(download({ status: "paused", done: 0 }), en), "Paused");
});
