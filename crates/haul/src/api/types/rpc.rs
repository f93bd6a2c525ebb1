//! JSON-RPC 2.0 frames: calls in, answers and notifications out. Knows no method.

use std::sync::Arc;

use haul_engine::event::Fields;
use haul_engine::{Id, Stats, View};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::answer::{StatsJson, to_json};
use super::download::{self, Detail, Download, Downloads, IdText};
use super::problem::RejectedUrls;
use super::schema::described;
use crate::api::command::Rejected;
use crate::api::error::{ApiError, Edge};

/// Most calls in one batch: each may be answered by an error larger than itself.
const MOST_CALLS: usize = 1000;

/// One message of a client.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A single call.
    Single(Result<Call, Invalid>),
    /// Several in one array; their answers go into one array too.
    Batch(Vec<Result<Call, Invalid>>),
}

/// A call.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    /// `None`: a notification, which is never answered.
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// Something that is not a call.
#[derive(Debug)]
pub(crate) struct Invalid {
    /// Its id as far as one could be read, else `null`.
    pub(crate) id: Value,
    pub(crate) error: ApiError,
}

/// Reads a message.
pub(crate) fn read(text: &str) -> Incoming {
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(cause) => {
            let detail = format!("the message is not JSON: {cause}");
            return Incoming::Single(Err(invalid(Value::Null, Edge::InvalidJson, &detail)));
        }
    };
    let Value::Array(items) = value else {
        return Incoming::Single(call(value));
    };
    let refuse =
        |detail: &str| Incoming::Single(Err(invalid(Value::Null, Edge::InvalidRequest, detail)));
    if items.is_empty() {
        return refuse("the batch is empty; send at least one call");
    }
    if items.len() > MOST_CALLS {
        let count = items.len();
        return refuse(&format!(
            "{count} calls in one batch; send at most {MOST_CALLS}"
        ));
    }
    Incoming::Batch(items.into_iter().map(call).collect())
}

fn call(value: Value) -> Result<Call, Invalid> {
    let refuse = |id: Value, detail| Err(invalid(id, Edge::InvalidRequest, detail));
    let Value::Object(mut members) = value else {
        return refuse(
            Value::Null,
            "a call is an object like {\"jsonrpc\":\"2.0\",\"method\":…,\"id\":…}",
        );
    };
    let id = match members.remove("id") {
        Some(id @ (Value::String(_) | Value::Number(_) | Value::Null)) => Some(id),
        Some(_) => return refuse(Value::Null, "id is a text, a number or null"),
        None => None,
    };
    let answer_to = || id.clone().unwrap_or_default();
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return refuse(answer_to(), "jsonrpc is \"2.0\"");
    }
    let Some(Value::String(method)) = members.remove("method") else {
        return refuse(answer_to(), "method is missing; give its name as a text");
    };
    let params = members.remove("params").unwrap_or_default();
    if !matches!(params, Value::Null | Value::Object(_) | Value::Array(_)) {
        return refuse(answer_to(), "params is an object");
    }
    Ok(Call { id, method, params })
}

fn invalid(id: Value, edge: Edge, detail: &str) -> Invalid {
    Invalid {
        id,
        error: ApiError::edge(edge, detail),
    }
}

/// An error object.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(
        number: i32,
        code: &'static str,
        detail: &str,
        rejected: &[Rejected],
    ) -> Failure {
        Failure(to_json(&FailureJson {
            code: number,
            message: detail,
            data: FailureData {
                code,
                detail,
                rejected: RejectedUrls(rejected),
            },
        }))
    }
}

/// Why a call was not done (JSON-RPC 2.0 §5.1).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Failure")]
pub(super) struct FailureJson<'a> {
    /// A number of JSON-RPC's.
    code: i32,
    /// What is wrong and, where there is something, what helps; for a human.
    message: &'a str,
    data: FailureData<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct FailureData<'a> {
    /// Why, as a stable name: those of REST.
    code: &'static str,
    /// The same as `message`.
    detail: &'a str,
    /// With `all_rejected`: the URLs, each with its reason.
    #[serde(skip_serializing_if = "RejectedUrls::is_empty")]
    rejected: RejectedUrls<'a>,
}

/// The answer to one call; `result` is JSON.
pub(crate) fn answer(id: &Value, result: Result<&str, &Failure>) -> String {
    match result {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err(Failure(error)) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#),
    }
}

/// The answers to a batch.
pub(crate) fn batch(answers: &[String]) -> String {
    format!("[{}]", answers.join(","))
}

/// The result of `subscribe`.
pub(crate) fn snapshot(
    subscription: &str,
    revision: u64,
    downloads: &[Arc<View>],
    detail: Detail,
    stats: &Stats,
) -> String {
    to_json(&SnapshotJson {
        subscription,
        revision,
        downloads: Downloads(downloads, detail),
        stats: StatsJson::of(stats),
    })
}

/// All that a subscription shows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Snapshot")]
pub(super) struct SnapshotJson<'a> {
    /// The subscription's name on this connection.
    subscription: &'a str,
    /// The revision at which it is true.
    revision: u64,
    downloads: Downloads<'a>,
    stats: StatsJson,
}

/// The part of `changed` that is the same for everybody who sees the same downloads: all but the
/// subscription's name and the revision that it starts from.
pub(crate) fn changes(
    revision: u64,
    downloads: &[(Arc<View>, Fields)],
    removed: &[Id],
    detail: Detail,
    stats: &Stats,
) -> String {
    let mut text = to_json(&ChangesJson {
        revision,
        downloads: Changed(downloads, detail),
        removed: Ids(removed),
        stats: StatsJson::of(stats),
    });
    // Its opening brace gives way to what `changed` puts before it.
    text.remove(0);
    text
}

/// The notification `changed`, from shared [`changes`].
pub(crate) fn changed(subscription: &str, from: u64, changes: &str) -> String {
    let name = Value::from(subscription);
    format!(
        r#"{{"jsonrpc":"2.0","method":"changed","params":{{"subscription":{name},"from":{from},{changes}}}"#
    )
}

/// The `params` of `changed`, whose first two members [`changed`] writes.
#[derive(JsonSchema)]
#[schemars(rename = "Changes")]
#[expect(dead_code, reason = "it is written in two parts")]
pub(super) struct ChangedJson<'a> {
    /// The subscription's name on this connection.
    subscription: &'a str,
    /// The revision that this leads on from: that of the message before it.
    from: u64,
    #[schemars(flatten)]
    changes: ChangesJson<'a>,
}

#[derive(Serialize, JsonSchema)]
struct ChangesJson<'a> {
    /// The revision that this leads to.
    revision: u64,
    /// What changed.
    downloads: Changed<'a>,
    /// Downloads that are gone from here; ids that were never told may be among them.
    removed: Ids<'a>,
    stats: StatsJson,
}

struct Changed<'a>(&'a [(Arc<View>, Fields)], Detail);

impl Serialize for Changed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .iter()
                .map(|(view, fields)| Download::changed(view, *fields, self.1)),
        )
    }
}

described! { Changed<'_>, |generator| {
    json!({"type": "array", "items": generator.subschema_for::<download::Changed>()})
} }

struct Ids<'a>(&'a [Id]);

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|id| IdText(*id)))
    }
}

described! { Ids<'_>, |generator| {
    json!({"type": "array", "items": generator.subschema_for::<IdText>()})
} }

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Value {
        let Incoming::Single(Err(invalid)) = read(text) else {
            panic!("{text} was read as a call");
        };
        let Failure(error) = invalid.error.failure();
        let error: Value = serde_json::from_str(&error).expect("JSON");
        error["code"].clone()
    }

    #[test]
    fn what_is_no_call_has_the_number_of_the_specification() {
        assert_eq!(number("{"), -32700);
        assert_eq!(number(""), -32700);
        assert_eq!(number("[]"), -32600);
        assert_eq!(number("1"), -32600);
        assert_eq!(number(r#"{"method":"stats","id":1}"#), -32600);
        assert_eq!(number(r#"{"jsonrpc":"2.0","method":1,"id":1}"#), -32600);
        assert_eq!(number(r#"{"jsonrpc":"2.0","method":"a","id":{}}"#), -32600);
        assert_eq!(
            number(r#"{"jsonrpc":"2.0","method":"a","params":3}"#),
            -32600
        );
        assert_eq!(number(&format!("[{}1]", "1,".repeat(MOST_CALLS))), -32600);
    }

    #[test]
    fn a_call_without_id_is_a_notification_and_with_null_it_is_not() {
        let read = |text| match read(text) {
            Incoming::Single(Ok(call)) => call,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(r#"{"jsonrpc":"2.0","method":"stats"}"#).id, None);
        let call = read(r#"{"jsonrpc":"2.0","method":"stats","id":null,"params":{"a":1}}"#);
        assert_eq!(call.id, Some(Value::Null));
        assert_eq!(call.params, json!({"a": 1}));
    }

    #[test]
    fn a_batch_keeps_its_bad_members_apart() {
        let Incoming::Batch(calls) = read(r#"[1, {"jsonrpc":"2.0","method":"stats","id":"a"}]"#)
        else {
            panic!("not a batch");
        };
        assert!(calls[0].is_err());
        assert_eq!(calls[1].as_ref().expect("a call").id, Some(json!("a")));
    }

    #[test]
    fn frames_are_json() {
        let failure = Failure::new(-32000, "illegal_state", "a \"quoted\" reason", &[]);
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(
            parse(&answer(&json!("x"), Err(&failure))),
            json!({"jsonrpc": "2.0", "id": "x", "error": {"code": -32000,
                "message": "a \"quoted\" reason",
                "data": {"code": "illegal_state", "detail": "a \"quoted\" reason"}}})
        );
        let body = changes(9, &[], &[Id(1)], Detail::Plain, &Stats::default());
        let frame = parse(&changed("s1", 4, &body));
        assert_eq!(frame["method"], "changed");
        assert_eq!(frame["params"]["subscription"], "s1");
        assert_eq!(frame["params"]["from"], 4);
        assert_eq!(frame["params"]["revision"], 9);
        assert_eq!(frame["params"]["removed"], json!(["0000000000000001"]));
        assert_eq!(frame["params"]["downloads"], json!([]));
        assert_eq!(frame["params"]["stats"]["active"], 0);
    }
}
