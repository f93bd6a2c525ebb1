// Drives a daemon with a Node package for aria2, the way its users do; any exception is a failure.
//
// Arguments: the package's name, the daemon's port and its token (empty: it has none), the URL of a file
// of 8 MiB, that of a small one and one that leads nowhere.
"use strict";

const assert = require("node:assert/strict");
const { pathToFileURL } = require("node:url");

const [PACKAGE, PORT, TOKEN, BIG, SMALL, NOWHERE] = process.argv.slice(2);

/** Looks again and again until there is something to see. */
async function until(what, look) {
  const end = Date.now() + 50_000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a call is refused with. */
async function refusal(call) {
  try {
    await call;
  } catch ({ code, message }) {
    return { code, message };
  }
  throw new Error("the call was not refused");
}

async function checkToken(connect) {
  const stranger = connect("a guess");
  const unauthorized = { code: 1, message: "Unauthorized" };
  // Before it is open it calls over HTTP, where a refusal has another status.
  assert.deepEqual(await refusal(stranger.call("getVersion")), unauthorized);
  await stranger.open();
  assert.deepEqual(await refusal(stranger.call("getVersion")), unauthorized);
  await stranger.close();
}

/** Notes what is told of each download. */
function listen(aria2) {
  const told = new Map();
  for (const event of ["Start", "Pause", "Stop", "Complete", "Error"]) {
    aria2.on(`onDownload${event}`, ([{ gid }]) => {
      told.set(gid, [...(told.get(gid) ?? []), event]);
    });
  }
  return (gid) => told.get(gid) ?? [];
}

async function main() {
  const { default: Aria2 } = await import(pathToFileURL(require.resolve(PACKAGE)));
  const connect = (secret) =>
    // Not every Node has a WebSocket, and not every package brings one.
    new Aria2({ host: "127.0.0.1", port: PORT, secret, WebSocket: require("ws") });
  if (TOKEN) await checkToken(connect);

  const aria2 = connect(TOKEN);
  assert.match((await aria2.call("getVersion")).version, /^1\./);
  await aria2.open();
  assert.ok((await aria2.listMethods()).includes("addUri"));
  assert.ok((await aria2.listNotifications()).includes("onDownloadStart"));
  const told = listen(aria2);

  const big = await aria2.call("addUri", [BIG], { out: "renamed.bin", "max-download-limit": "512K" });
  const running = await until("a speed", async () => {
    const keys = ["gid", "status", "downloadSpeed", "connections", "totalLength"];
    const [first] = await aria2.call("tellActive", keys);
    return Number(first?.downloadSpeed) > 0 && first;
  });
  assert.deepEqual(Object.values(running).map((value) => typeof value), Array(5).fill("string"));
  assert.deepEqual([running.gid, running.totalLength], [big, `${8 << 20}`]);
  assert.ok(Number(running.connections) > 0, running.connections);
  const stat = await aria2.call("getGlobalStat");
  assert.equal(stat.numActive, "1");

  assert.equal(await aria2.call("pause", big), big);
  await until("the pause", () => told(big).includes("Pause"));
  const small = await aria2.call("addUri", [SMALL], { pause: "true" }, 0);
  const waiting = (offset) => aria2.call("tellWaiting", offset, 10, ["gid", "status"]);
  assert.deepEqual(await waiting(0), [
    { gid: small, status: "paused" },
    { gid: big, status: "paused" },
  ]);
  assert.equal(await aria2.call("changePosition", small, 1, "POS_SET"), 1);
  assert.deepEqual((await waiting(0)).map(({ gid }) => gid), [big, small]);

  assert.equal(await aria2.call("changeOption", big, { "max-download-limit": "0" }), "OK");
  assert.equal((await aria2.call("getOption", big))["max-download-limit"], "0");
  const batch = await aria2.batch([
    ["unpause", big],
    ["unpause", small],
    ["unpause", "zz"],
  ]);
  assert.deepEqual(await Promise.all(batch.slice(0, 2)), [big, small]);
  assert.deepEqual(await refusal(batch[2]), { code: 1, message: "Invalid GID zz" });
  await until("both ends", () => [big, small].every((gid) => told(gid).includes("Complete")));
  assert.deepEqual(told(big), ["Start", "Pause", "Start", "Complete"]);
  assert.deepEqual(told(small), ["Start", "Complete"]);

  const lost = await aria2.call("addUri", [NOWHERE]);
  await until("the failure", () => told(lost).includes("Error"));
  const removed = await aria2.call("addUri", [BIG], { out: "removed.bin", "max-download-limit": "256K" });
  await until("its start", () => told(removed).includes("Start"));
  assert.equal(await aria2.call("remove", removed), removed);
  await until("its end", () => told(removed).includes("Stop"));

  const stopped = await aria2.call("tellStopped", 0, 10, ["gid", "status", "errorCode"]);
  assert.deepEqual(
    new Map(stopped.map(({ gid, status, errorCode }) => [gid, [status, errorCode]])),
    new Map([
      [big, ["complete", "0"]],
      [small, ["complete", "0"]],
      [lost, ["error", "3"]],
      [removed, ["removed", "31"]],
    ]),
  );
  const several = await aria2.multicall([
    ["tellStatus", big, ["completedLength"]],
    ["tellStatus", "zz"],
    ["changeGlobalOption", { "max-concurrent-downloads": "3" }],
    ["getGlobalOption"],
    ["purgeDownloadResult"],
  ]);
  assert.deepEqual(several[0], [{ completedLength: `${8 << 20}` }]);
  assert.deepEqual(several[1], { code: 1, message: "Invalid GID zz" });
  assert.deepEqual(several[2], ["OK"]);
  assert.equal(several[3][0]["max-concurrent-downloads"], "3");
  assert.deepEqual(several[4], ["OK"]);
  assert.equal((await aria2.call("getGlobalStat")).numStopped, "0");

  await aria2.close();
}

main();
