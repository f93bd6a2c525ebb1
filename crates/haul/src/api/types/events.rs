//! The live stream as server-sent events (WHATWG HTML §9.2). An event's id is the revision that it
//! leads to, which a client that comes back names as the last one that it has seen.

use serde_json::Value;

/// Says that the stream is alive, and nothing else.
pub(crate) const HEARTBEAT: &[u8] = b":\n\n";

/// The event `snapshot`: the answer to `subscribe` as JSON.
pub(crate) fn snapshot(revision: u64, answer: &str) -> String {
    format!("event: snapshot\nid: {revision}\ndata: {answer}\n\n")
}

/// The event `changed` with the members of the notification `changed`; `changes` is what
/// [`super::rpc::changes`] has made.
pub(crate) fn changed(subscription: &str, from: u64, to: u64, changes: &str) -> String {
    let name = Value::from(subscription);
    format!(
        "event: changed\nid: {to}\ndata: {{\"subscription\":{name},\"from\":{from},{changes}\n\n"
    )
}
