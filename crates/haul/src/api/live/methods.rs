//! The methods of the live protocol: a name and its arguments to a command. Runs nothing.

use haul_engine::Error;
use serde_json::Value;

use crate::api::ApiOptions;
use crate::api::command::{Command, check_links};
use crate::api::error::{ApiError, Edge};
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

/// Reads a call.
pub(super) fn read(method: &str, params: Value) -> Result<Method, ApiError> {
    let Some(read) = reader(method) else {
        return Err(ApiError::edge(
            Edge::UnknownMethod,
            format!("there is no method \"{method}\"; known are {}", known()),
        ));
    };
    Ok(read(Params::object(params)?)?)
}

type Reader = fn(Params) -> Result<Method, Error>;

const METHODS: [(&str, Reader); 16] = [
    ("downloads.add", |params| Ok(Method::Add(params))),
    ("downloads.list", |params| {
        command(Command::List(requests::list(params)?))
    }),
    ("downloads.why", |params| {
        command(Command::Why(requests::only_id(params)?))
    }),
    ("downloads.get", |params| {
        command(Command::Get(requests::only_id(params)?))
    }),
    ("downloads.pause", |params| {
        command(Command::Pause(requests::only_id(params)?))
    }),
    ("downloads.resume", |params| {
        command(Command::Resume(requests::only_id(params)?))
    }),
    ("downloads.retry", |params| {
        command(Command::Retry(requests::only_id(params)?))
    }),
    ("downloads.cancel", |params| {
        command(Command::Cancel(requests::only_id(params)?))
    }),
    ("downloads.move", |mut params| {
        let id = requests::id(&mut params)?;
        command(Command::Move {
            id,
            position: requests::position(params)?,
        })
    }),
    ("downloads.remove", |mut params| {
        let id = requests::id(&mut params)?;
        command(Command::Remove {
            id,
            files: requests::files(params)?,
        })
    }),
    ("downloads.update", |mut params| {
        let id = requests::id(&mut params)?;
        command(Command::Update {
            id,
            change: requests::change(params)?,
        })
    }),
    ("settings.get", |params| {
        requests::nothing(params)?;
        command(Command::Settings)
    }),
    ("settings.set", |params| {
        command(Command::SetSettings(requests::settings(params)?))
    }),
    ("stats", |params| {
        requests::nothing(params)?;
        command(Command::Stats)
    }),
    ("subscribe", |params| {
        Ok(Method::Subscribe(requests::subscribe(params)?))
    }),
    ("unsubscribe", |params| {
        Ok(Method::Unsubscribe(requests::unsubscribe(params)?))
    }),
];

fn reader(method: &str) -> Option<Reader> {
    METHODS
        .iter()
        .find(|(name, _)| *name == method)
        .map(|(_, read)| *read)
}

fn known() -> String {
    METHODS.map(|(name, _)| name).join(", ")
}

fn command(command: Command) -> Result<Method, Error> {
    Ok(Method::Command(command))
}

/// Reads the arguments of `downloads.add`.
pub(super) async fn add(params: Params, options: &ApiOptions) -> Result<Command, ApiError> {
    let add = add::add(params, &options.root)?;
    check_links(&add, options).await?;
    Ok(Command::Add(add))
}
