//! JSON-RPC as aria2 speaks it: calls in, answers out, with its error codes and HTTP statuses. Knows
//! no method.

use std::fmt;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::api::error::ApiError;

/// A call, or what is to be answered to something that is none.
pub(super) type Read = Result<Call, Invalid>;

/// One call.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    /// Whatever the client sent; it comes back as it is.
    pub(super) id: Value,
    pub(super) method: String,
    pub(super) params: Vec<Value>,
}

/// Something that is no call, with its id as far as there is one.
#[derive(Debug, PartialEq)]
pub(super) struct Invalid {
    pub(super) id: Value,
    pub(super) failure: Failure,
}

/// One message of a client.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    Single(Read),
    /// Members that are no objects are left out, as aria2 does; an empty one is answered by an empty
    /// one.
    Batch(Vec<Read>),
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not JSON.
    Parse,
    /// JSON, but no call.
    Request,
    /// `params` is not an array.
    Params,
    /// The method says no, and why: aria2 has one code for all of it.
    Refused(String),
}

impl Failure {
    pub(super) fn refused(why: impl Into<String>) -> Failure {
        Failure::Refused(why.into())
    }

    fn code(&self) -> i32 {
        match self {
            Failure::Parse => -32700,
            Failure::Request => -32600,
            Failure::Params => -32602,
            Failure::Refused(_) => 1,
        }
    }

    /// The status of the answer to a single call over HTTP.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Failure::Parse | Failure::Params => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::Request | Failure::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The error object.
    pub(super) fn to_json(&self) -> Value {
        json!({"code": self.code(), "message": self.to_string()})
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Parse => "Parse error.",
            Failure::Request => "Invalid Request.",
            Failure::Params => "Invalid params.",
            Failure::Refused(why) => why,
        })
    }
}

impl From<haul_engine::Error> for Failure {
    fn from(error: haul_engine::Error) -> Failure {
        Failure::Refused(error.to_string())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure::Refused(error.to_string())
    }
}

/// Most calls at once: each may be answered by an error larger than itself.
const MOST_CALLS: usize = 10_000;

/// Refuses more calls at once than are done.
pub(super) fn check_count(calls: usize) -> Result<(), Failure> {
    if calls <= MOST_CALLS {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "{calls} calls at once; send at most {MOST_CALLS} at a time."
    )))
}

/// Reads a message.
pub(super) fn read(text: &[u8]) -> Message {
    match serde_json::from_slice(text) {
        Ok(Value::Array(members)) => {
            if let Err(failure) = check_count(members.len()) {
                let id = Value::Null;
                return Message::Single(Err(Invalid { id, failure }));
            }
            let objects = members.into_iter().filter_map(|member| match member {
                Value::Object(members) => Some(call(members)),
                _ => None,
            });
            Message::Batch(objects.collect())
        }
        Ok(Value::Object(members)) => Message::Single(call(members)),
        Ok(_) => Message::Single(Err(Invalid {
            id: Value::Null,
            failure: Failure::Request,
        })),
        Err(_) => Message::Single(Err(Invalid {
            id: Value::Null,
            failure: Failure::Parse,
        })),
    }
}

fn call(mut members: Map<String, Value>) -> Read {
    // A call without an id cannot be answered, and aria2 has no notifications from clients.
    let Some(id) = members.remove("id") else {
        return Err(Invalid {
            id: Value::Null,
            failure: Failure::Request,
        });
    };
    let Some(Value::String(method)) = members.remove("method") else {
        return Err(Invalid {
            id,
            failure: Failure::Request,
        });
    };
    let params = match members.remove("params") {
        None => Vec::new(),
        Some(Value::Array(params)) => params,
        Some(_) => {
            return Err(Invalid {
                id,
                failure: Failure::Params,
            });
        }
    };
    Ok(Call { id, method, params })
}

/// The answer to one call.
pub(super) fn answer(id: &Value, result: &Result<Value, Failure>) -> Value {
    match result {
        Ok(result) => json!({"id": id, "jsonrpc": "2.0", "result": result}),
        Err(failure) => json!({"id": id, "jsonrpc": "2.0", "error": failure.to_json()}),
    }
}

/// A notification.
pub(super) fn notification(method: &str, gid: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": [{"gid": gid}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(text: &str) -> Read {
        match read(text.as_bytes()) {
            Message::Single(read) => read,
            Message::Batch(_) => panic!("{text} is a batch"),
        }
    }

    fn failure(text: &str) -> (i32, u16, Value) {
        let Invalid { id, failure } = single(text).expect_err(text);
        (failure.code(), failure.status().as_u16(), id)
    }

    #[test]
    fn what_is_no_call_has_aria2_s_codes_and_statuses() {
        assert_eq!(failure("{"), (-32700, 500, Value::Null));
        assert_eq!(failure("\"x\""), (-32600, 400, Value::Null));
        assert_eq!(
            failure(r#"{"method":"aria2.getVersion"}"#),
            (-32600, 400, Value::Null)
        );
        assert_eq!(failure(r#"{"id":1}"#), (-32600, 400, json!(1)));
        assert_eq!(failure(r#"{"id":1,"method":5}"#), (-32600, 400, json!(1)));
        assert_eq!(
            failure(r#"{"id":1,"method":"a","params":{}}"#),
            (-32602, 500, json!(1))
        );
        assert_eq!(Failure::refused("no").status().as_u16(), 400);
        assert_eq!(Failure::refused("no").code(), 1);
    }

    #[test]
    fn an_id_of_any_type_comes_back_as_it_came() {
        for id in [json!(null), json!(1.5), json!("x"), json!({"a": [1]})] {
            let text = json!({"id": id, "method": "m"}).to_string();
            let call = single(&text).expect("a call");
            assert_eq!(call.params, Vec::<Value>::new());
            let answered = answer(&call.id, &Ok(json!("OK")));
            assert_eq!(
                answered,
                json!({"id": id, "jsonrpc": "2.0", "result": "OK"})
            );
        }
    }

    #[test]
    fn members_of_a_batch_that_are_no_objects_are_left_out() {
        assert_eq!(read(b"[]"), Message::Batch(vec![]));
        let Message::Batch(calls) = read(br#"[1, {"id":1,"method":"m"}, "x", {"id":2}]"#) else {
            panic!("not a batch");
        };
        assert_eq!(calls.len(), 2);
        assert!(calls[0].is_ok() && calls[1].is_err());
    }

    #[test]
    fn too_many_calls_at_once_are_refused_together() {
        let calls = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        let (code, status, id) = failure(&calls(MOST_CALLS + 1));
        assert_eq!((code, status, id), (1, 400, Value::Null));
        let Message::Batch(read) = read(calls(MOST_CALLS).as_bytes()) else {
            panic!("not a batch");
        };
        assert_eq!(read.len(), MOST_CALLS);
    }
}
