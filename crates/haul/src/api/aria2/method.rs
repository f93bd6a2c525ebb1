//! The methods: a name to what it does. Owns who needs a token, and calls of several at once.

use serde_json::{Value, json};
use tokio::task::coop::consume_budget;

use super::args::Args;
use super::envelope::{Call, Failure, check_count};
use super::standing::Standing;
use super::{add, change, control, lists, one, session};
use crate::api::App;
use crate::api::socket::MOST_BYTES_OUT;

/// What `system.listMethods` tells: everything that does something here.
const METHODS: &[&str] = &[
    "aria2.addUri",
    "aria2.remove",
    "aria2.pause",
    "aria2.forcePause",
    "aria2.pauseAll",
    "aria2.forcePauseAll",
    "aria2.unpause",
    "aria2.unpauseAll",
    "aria2.forceRemove",
    "aria2.changePosition",
    "aria2.tellStatus",
    "aria2.getUris",
    "aria2.getFiles",
    "aria2.getServers",
    "aria2.tellActive",
    "aria2.tellWaiting",
    "aria2.tellStopped",
    "aria2.getOption",
    "aria2.changeUri",
    "aria2.changeOption",
    "aria2.getGlobalOption",
    "aria2.changeGlobalOption",
    "aria2.purgeDownloadResult",
    "aria2.removeDownloadResult",
    "aria2.getVersion",
    "aria2.getSessionInfo",
    "aria2.shutdown",
    "aria2.forceShutdown",
    "aria2.getGlobalStat",
    "aria2.saveSession",
    MULTICALL,
    LIST_METHODS,
    LIST_NOTIFICATIONS,
];

const NOTIFICATIONS: [&str; 5] = [
    "aria2.onDownloadStart",
    "aria2.onDownloadPause",
    "aria2.onDownloadStop",
    "aria2.onDownloadComplete",
    "aria2.onDownloadError",
];

/// So many bytes are said to one message of whoever has not shown the token: a short call may have a long
/// answer, and nobody makes him read it.
pub(super) const MOST_BYTES_TO_UNKNOWN: usize = 64 << 10;

const MULTICALL: &str = "system.multicall";
const LIST_METHODS: &str = "system.listMethods";
const LIST_NOTIFICATIONS: &str = "system.listNotifications";

/// Does what a call asks for.
pub(super) async fn run(app: &App, standing: &mut Standing, call: Call) -> Result<Value, Failure> {
    if call.method == MULTICALL {
        return several(app, standing, call.params).await;
    }
    single(app, standing, &call.method, call.params).await
}

/// `system.multicall`: a result in an array each, or the error object alone. It takes no token itself.
async fn several(app: &App, standing: &mut Standing, params: Vec<Value>) -> Result<Value, Failure> {
    let calls = Args::split(params).1.list()?;
    check_count(calls.len())?;
    let mut results = Vec::new();
    let mut bytes = 0;
    for call in calls {
        consume_budget().await;
        if bytes > MOST_BYTES_TO_UNKNOWN && !standing.is_known() {
            return Err(too_large());
        }
        let result = if bytes > MOST_BYTES_OUT {
            Err(too_large())
        } else {
            member(app, standing, call).await
        };
        let told = match result {
            Ok(value) => json!([value]),
            Err(failure) => failure.to_json(),
        };
        bytes += size(&told);
        results.push(told);
    }
    Ok(Value::Array(results))
}

async fn member(app: &App, standing: &mut Standing, call: Value) -> Result<Value, Failure> {
    let Value::Object(mut members) = call else {
        return Err(Failure::refused("system.multicall expected struct."));
    };
    let Some(Value::String(method)) = members.remove("methodName") else {
        return Err(Failure::refused("Missing methodName."));
    };
    if method == MULTICALL {
        return Err(Failure::refused("Recursive system.multicall forbidden."));
    }
    let params = match members.remove("params") {
        Some(Value::Array(params)) => params,
        _ => Vec::new(),
    };
    single(app, standing, &method, params).await
}

/// About how long a value is as text, without making it.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(members) => members.iter().map(|member| size(member) + 1).sum(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| name.len() + 4 + size(value))
                .sum()
        }
    }
}

/// What is answered to the calls that come after an answer that is very long already.
pub(super) fn too_large() -> Failure {
    Failure::refused("The answer is too large; ask for fewer things at once.")
}

async fn single(
    app: &App,
    standing: &mut Standing,
    method: &str,
    params: Vec<Value>,
) -> Result<Value, Failure> {
    let (token, mut args) = Args::split(params);
    match method {
        LIST_METHODS => return Ok(json!(METHODS)),
        LIST_NOTIFICATIONS => return Ok(json!(NOTIFICATIONS)),
        // Whoever may not ask does not learn what there is to be asked.
        _ => standing.admit(token.as_deref())?,
    }
    match method {
        "aria2.addUri" => add::uri(app, args).await,
        "aria2.addTorrent" => Err(Failure::refused(
            "haul downloads over HTTP and HTTPS only: it knows no BitTorrent.",
        )),
        "aria2.addMetalink" => Err(Failure::refused(
            "haul knows no Metalink; add the file's URLs with aria2.addUri.",
        )),
        "aria2.remove" | "aria2.forceRemove" => control::remove(app, args).await,
        "aria2.pause" | "aria2.forcePause" => control::pause(app, args).await,
        "aria2.pauseAll" | "aria2.forcePauseAll" => control::pause_all(app).await,
        "aria2.unpause" => control::unpause(app, args).await,
        "aria2.unpauseAll" => control::unpause_all(app).await,
        "aria2.removeDownloadResult" => control::forget(app, args).await,
        "aria2.purgeDownloadResult" => control::forget_all(app).await,
        "aria2.shutdown" | "aria2.forceShutdown" => {
            app.options.quit.cancel();
            Ok(json!("OK"))
        }
        "aria2.tellStatus" => one::status(app, args).await,
        "aria2.getUris" => one::uris(app, args),
        "aria2.getFiles" => one::files(app, args).await,
        "aria2.getServers" => one::servers(app, args),
        "aria2.getPeers" => one::peers(app, args),
        "aria2.getOption" => one::options(app, args).await,
        "aria2.tellActive" => lists::active(app, args).await,
        "aria2.tellWaiting" => lists::waiting(app, args).await,
        "aria2.tellStopped" => lists::stopped(app, args).await,
        "aria2.getGlobalStat" => Ok(lists::totals(app)),
        "aria2.changePosition" => change::position(app, args).await,
        "aria2.changeUri" => change::uris(app, args).await,
        "aria2.changeOption" => change::options(app, args).await,
        "aria2.getGlobalOption" => app.aria2.globals.told(app).await,
        "aria2.changeGlobalOption" => {
            let options = args.options()?;
            app.aria2.globals.change(app, options).await
        }
        "aria2.getVersion" => Ok(version()),
        "aria2.getSessionInfo" => Ok(json!({"sessionId": app.aria2.session})),
        "aria2.saveSession" => session::save(app).await,
        other => Err(Failure::Refused(format!("No such method: {other}"))),
    }
}

/// Clients compare the first three numbers: those of the aria2 whose methods these are.
fn version() -> Value {
    json!({
        "version": concat!("1.37.0-haul-", env!("CARGO_PKG_VERSION")),
        "enabledFeatures": ["HTTPS", "Message Digest"],
    })
}
