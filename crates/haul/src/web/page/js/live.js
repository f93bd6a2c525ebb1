// The connection to the daemon: calls and their answers, subscriptions, and coming back after a loss with
// the whole state again. Knows no DOM and keeps no download.

/** @typedef {import("../types.d.ts").Snapshot} Snapshot */
/** @typedef {import("../types.d.ts").Changed} Changed */

/** Milliseconds from a loss to the first try to come back; doubled with every failure. */
const FIRST_WAIT = 300;
const LONGEST_WAIT = 5_000;
/** Milliseconds without a word after which the daemon is asked whether it is still there. */
const SILENCE = 25_000;
const LONGEST_ANSWER = 30_000;

/** Why a call was not done: the daemon's code and sentence, or that nobody answered. */
export class CallError extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   */
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/**
 * A subscription, held over any number of connections.
 * @typedef {object} Watch
 * @property {object} params those of `subscribe`
 * @property {(snapshot: Snapshot) => void} begin called with the whole state, after every loss again
 * @property {(changed: Changed) => void} change
 * @property {string | null} name the daemon's, on this connection
 * @property {number} revision
 */

/** @typedef {{ resolve: (result: any) => void, reject: (error: CallError) => void, late: number }} Asked */

export class Live {
  /**
   * @param {string} address of the WebSocket
   * @param {(is: "up" | "down", next: number) => void} tell how the connection stands, and in how many
   *   milliseconds the next try comes
   */
  constructor(address, tell) {
    this.address = address;
    this.tell = tell;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {Map<number, Asked>} */
    this.asked = new Map();
    this.calls = 0;
    /** @type {Set<Watch>} */
    this.watches = new Set();
    this.wait = FIRST_WAIT;
    this.retry = 0;
    this.heard = 0;
    setInterval(() => this.#listen(), 5_000);
  }

  /** Connects now, whatever wait was left. */
  connect() {
    clearTimeout(this.retry);
    if (this.socket) return;
    const socket = new WebSocket(this.address, ["haul.v1"]);
    this.socket = socket;
    socket.onopen = () => {
      this.heard = Date.now();
      for (const watch of this.watches) this.#subscribe(watch);
      this.tell("up", 0);
    };
    socket.onmessage = (message) => this.#hear(JSON.parse(message.data));
    socket.onclose = () => this.#lost(socket);
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @returns {Promise<any>}
   */
  call(method, params) {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new CallError("no_connection", "there is no connection to haul"));
    }
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.asked.delete(id);
        reject(new CallError("no_connection", "haul has not answered"));
      }, LONGEST_ANSWER);
      this.asked.set(id, { resolve, reject, late });
      socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /**
   * Holds a subscription from now on.
   * @param {object} params
   * @param {(snapshot: Snapshot) => void} begin
   * @param {(changed: Changed) => void} change
   * @returns {() => void} ends it
   */
  watch(params, begin, change) {
    /** @type {Watch} */
    const watch = { params, begin, change, name: null, revision: 0 };
    this.watches.add(watch);
    if (this.socket?.readyState === WebSocket.OPEN) this.#subscribe(watch);
    return () => {
      this.watches.delete(watch);
      this.#unsubscribe(watch);
    };
  }

  /** @param {Watch} watch */
  #subscribe(watch) {
    const socket = this.socket;
    this.#unsubscribe(watch);
    this.call("subscribe", watch.params).then((/** @type {Snapshot} */ snapshot) => {
      watch.name = snapshot.subscription;
      watch.revision = snapshot.revision;
      if (!this.watches.has(watch)) return this.#unsubscribe(watch);
      this.wait = FIRST_WAIT;
      watch.begin(snapshot);
    }, () => {
      // Without its state there is nothing to show: as good as no connection.
      if (this.watches.has(watch) && socket === this.socket) socket?.close();
    });
  }

  /** @param {Watch} watch */
  #unsubscribe(watch) {
    if (!watch.name) return;
    this.call("unsubscribe", { subscription: watch.name }).catch(() => {});
    watch.name = null;
  }

  /** @param {any} said */
  #hear(said) {
    this.heard = Date.now();
    if (said.method === "changed") return this.#changed(said.params);
    const asked = this.asked.get(said.id);
    if (!asked) return;
    this.asked.delete(said.id);
    clearTimeout(asked.late);
    if (said.error) asked.reject(new CallError(said.error.data?.code ?? "unknown", said.error.message));
    else asked.resolve(said.result);
  }

  /** @param {Changed} changed */
  #changed(changed) {
    for (const watch of this.watches) {
      if (watch.name !== changed.subscription) continue;
      // Promised never to happen; if it does, only the whole state is right.
      if (changed.from !== watch.revision) return this.#subscribe(watch);
      watch.revision = changed.revision;
      watch.change(changed);
    }
  }

  /** A connection may be dead without a word of it: whoever says nothing for long is asked something. */
  #listen() {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN || Date.now() - this.heard < SILENCE) return;
    this.call("stats").catch((error) => {
      if (error.code !== "no_connection") return;
      // Closing waits for the other end, which may be gone.
      this.#lost(socket);
      socket.close();
    });
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    for (const watch of this.watches) watch.name = null;
    const asked = [...this.asked.values()];
    this.asked.clear();
    for (const { reject, late } of asked) {
      clearTimeout(late);
      reject(new CallError("no_connection", "the connection to haul was lost"));
    }
    // Many pages must not come back in one moment.
    const wait = this.wait * (0.75 + Math.random() / 2);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    this.retry = setTimeout(() => this.connect(), wait);
    this.tell("down", wait);
  }
}
