//! What is told of one download.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use haul_engine::{Id, Settings, Spec, View};
use serde_json::{Map, Value, json};

use super::args::Args;
use super::envelope::Failure;
use super::status::{self, Keys, Seen};
use super::{gid, options};
use crate::api::App;

type Answer = Result<Value, Failure>;

/// The download that the next argument names.
pub(super) fn named(app: &App, args: &mut Args) -> Result<Arc<View>, Failure> {
    gid::find(&args.text()?, app.engine.live())
}

/// `aria2.tellStatus`.
pub(super) async fn status(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let keys = Keys::new(args.some_texts()?);
    let told = statuses(app, &[view], &keys).await?;
    Ok(told.into_iter().next().unwrap_or_default())
}

/// The statuses of several.
pub(super) async fn statuses(
    app: &App,
    views: &[Arc<View>],
    keys: &Keys,
) -> Result<Vec<Value>, Failure> {
    let mut specs = Vec::new();
    if keys.need_specs() {
        let ids = views.iter().map(|view| view.id).collect();
        specs = app.engine.specs(ids).await?;
    }
    Ok(told(app, views, &specs, keys))
}

/// The same with what was asked for, as far as that is known.
pub(super) fn told(
    app: &App,
    views: &[Arc<View>],
    specs: &[(Id, Spec)],
    keys: &Keys,
) -> Vec<Value> {
    let specs: HashMap<Id, &Spec> = specs.iter().map(|(id, spec)| (*id, spec)).collect();
    let each = views.iter().map(|view| {
        let seen = Seen {
            view,
            spec: specs.get(&view.id).copied(),
            root: &app.options.root,
        };
        status::status(&seen, keys)
    });
    each.collect()
}

/// `aria2.getFiles`.
pub(super) async fn files(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let specs = app.engine.specs(vec![view.id]).await?;
    let seen = Seen {
        view: &view,
        spec: specs.first().map(|(_, spec)| spec),
        root: &app.options.root,
    };
    Ok(status::files(&seen))
}

/// `aria2.getUris`.
pub(super) fn uris(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    if view.status.is_over() {
        return Err(Failure::Refused(format!(
            "No URI data is available for GID#{}",
            view.id
        )));
    }
    Ok(status::uris(&view))
}

/// `aria2.getServers`.
pub(super) fn servers(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    if !view.status.is_active() {
        return Err(Failure::Refused(format!(
            "No active download for GID#{}",
            view.id
        )));
    }
    Ok(status::servers(&view))
}

/// `aria2.getPeers`: none, as aria2 says of a download over HTTP.
pub(super) fn peers(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    if view.status.is_over() {
        return Err(Failure::Refused(format!(
            "No peer data is available for GID#{}",
            view.id
        )));
    }
    Ok(json!([]))
}

/// `aria2.getOption`.
pub(super) async fn options(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let settings = app.engine.settings().await?;
    let spec = app.engine.spec(view.id).await?;
    let mut told = unsaid(app, &settings);
    put(&mut told, options::of(&spec));
    Ok(Value::Object(told))
}

/// What holds for a download of which nothing else is said.
pub(super) fn unsaid(app: &App, settings: &Settings) -> Map<String, Value> {
    let mut told = Map::new();
    let mut tell = |name: &str, value: String| told.insert(name.to_owned(), json!(value));
    tell("dir", app.options.root.to_string_lossy().into_owned());
    tell("split", settings.threads.to_string());
    let each = settings.max_connections_per_host.to_string();
    tell("max-connection-per-server", each);
    tell("max-download-limit", "0".to_owned());
    tell("allow-overwrite", "false".to_owned());
    tell("auto-file-renaming", "true".to_owned());
    tell("continue", "true".to_owned());
    told
}

/// Takes options over into an answer; of those that may be several, each on a line of its own.
pub(super) fn put(told: &mut Map<String, Value>, pairs: Vec<options::Pair>) {
    let mut several: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        if !options::is_many(&name) {
            told.insert(name, json!(value));
            continue;
        }
        let lines = several.entry(name).or_default();
        lines.push_str(&value);
        lines.push('\n');
    }
    let several = several.into_iter();
    told.extend(several.map(|(name, lines)| (name, json!(lines))));
}
