//! The methods of the live protocol: a name and its arguments to what is to be done. Runs nothing.

use serde_json::Value;

use crate::api::ApiOptions;
use crate::api::calls::{self, CALLS, Effect};
use crate::api::command::{Command, check_links};
use crate::api::error::{ApiError, Edge};
use crate::api::once;
use crate::api::types::add;
use crate::api::types::params::Params;
use crate::api::types::requests::{self, Wanted};

/// What a call asks for.
pub(super) enum Method {
    /// To add downloads; reading the arguments may ask the disk.
    Add(Params),
    /// Anything that the engine answers.
    Command(Command),
    /// To be told of changes.
    Subscribe(Wanted),
    /// No longer to be told.
    Unsubscribe(String),
}

/// The methods that only this protocol has.
pub(in crate::api) const SUBSCRIBE: &str = "subscribe";
pub(in crate::api) const UNSUBSCRIBE: &str = "unsubscribe";

/// Reads a call.
pub(super) fn read(method: &str, params: Value) -> Result<Method, ApiError> {
    let params = || match params {
        Value::Null => Ok(Params::none()),
        given => Params::object(given),
    };
    if method == SUBSCRIBE {
        return Ok(Method::Subscribe(params()?.read(requests::subscribe)?));
    }
    if method == UNSUBSCRIBE {
        return Ok(Method::Unsubscribe(params()?.read(requests::unsubscribe)?));
    }
    let Some(call) = calls::named(method) else {
        let detail = format!("there is no method \"{method}\"; known are {}", known());
        return Err(ApiError::edge(Edge::UnknownMethod, detail));
    };
    Ok(match call.effect {
        Effect::Add => Method::Add(params()?),
        Effect::Run(read) => Method::Command(params()?.read(read)?),
    })
}

fn known() -> String {
    let names = CALLS.iter().map(|call| call.name);
    let names: Vec<&str> = names.chain([SUBSCRIBE, UNSUBSCRIBE]).collect();
    names.join(", ")
}

/// Reads the arguments of `downloads.add`.
pub(super) async fn add(params: Params, options: &ApiOptions) -> Result<Command, ApiError> {
    let (key, add) = params.read(|params| {
        let key = once::argument(params)?;
        Ok::<_, ApiError>((key, add::add(params, &options.root)?))
    })?;
    check_links(&add, options).await?;
    Ok(Command::add(key, add))
}
