//! `haul add`: hands downloads to the daemon.

use std::path::PathBuf;

use clap::Args;
use haul_engine::Spec;
use haul_engine::spec::OnConflict;
use serde_json::{Value as Json, json};

use super::client::{Client, Server};
use super::downloads::text;
use super::exit;
use super::number;
use super::output::{self, JsonOutput, Verbosity};
use super::wanted::Wanted;
use crate::config;

/// `haul add`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul add https://example.org/a.iso
  haul add -o b.iso --limit 2M https://example.org/a.iso
  haul add -i list.txt --json")]
pub(crate) struct Add {
    #[command(flatten)]
    wanted: Wanted,
    /// Where the daemon saves them, a path on its machine
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Most threads for each of them, 1–256
    #[arg(long, value_name = "N", value_parser = config::parse_threads)]
    threads: Option<u16>,
    /// Most bytes in one request of each
    #[arg(long, value_name = "SIZE", value_parser = config::parse_block_size)]
    block_size: Option<u64>,
    /// A request header for each of them
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = config::free_header)]
    header: Vec<(String, String)>,
    /// Most bytes per second for each of them; 0 is no limit
    #[arg(long, visible_alias = "speed-limit", value_name = "SIZE", value_parser = config::parse_speed_limit)]
    limit: Option<u64>,
    /// Higher starts first
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        value_parser = |text: &str| number::between(text, i32::MIN, i32::MAX),
        allow_negative_numbers = true
    )]
    priority: i32,
    /// Add them paused
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    server: Server,
}

/// Most bytes of URLs in one call, well below the daemon's limit of 4 MiB per message.
const CALL: usize = 1 << 20;

/// Adds downloads and tells their ids.
pub(crate) async fn add(asked: Add, verbosity: Verbosity) -> anyhow::Result<u8> {
    let specs: Vec<Spec> = asked
        .wanted
        .specs(verbosity)?
        .into_iter()
        .map(|spec| asked.complete(spec))
        .collect();
    let mut client = Client::connect(&asked.server).await?;
    let mut refused = Vec::new();
    for params in calls(&specs) {
        let answer = match client.call("downloads.add", params).await {
            Ok(answer) => answer,
            Err(failure) if failure.code == exit::NETWORK => return Err(failure.into()),
            Err(failure) => {
                output::note(&failure.message);
                refused.push(failure.code);
                continue;
            }
        };
        refused.extend(asked.tell(&answer, verbosity)?);
    }
    client.close().await;
    Ok(exit::code_of_all(refused))
}

impl Add {
    /// Adds what holds for all downloads of this command to one of them.
    fn complete(&self, mut spec: Spec) -> Spec {
        spec.dir = match (&self.dir, spec.dir) {
            (Some(dir), Some(own)) => Some(dir.join(own)),
            (dir, own) => own.or(dir.clone()),
        };
        spec.threads = spec.threads.or(self.threads);
        spec.block_size = spec.block_size.or(self.block_size);
        spec.headers.splice(0..0, self.header.iter().cloned());
        if spec.speed_limit == 0 {
            spec.speed_limit = self.limit.unwrap_or(0);
        }
        spec.priority = self.priority;
        spec.paused |= self.paused;
        spec
    }

    /// Prints what was added; returns an exit code for each that was rejected.
    fn tell(&self, answer: &Json, verbosity: Verbosity) -> anyhow::Result<Vec<u8>> {
        let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
        for download in list("downloads") {
            if self.json.json {
                output::data(&download)?;
            } else if !verbosity.quiet {
                output::data(format_args!(
                    "{}  {}",
                    text(&download, "id"),
                    text(&download, "name")
                ))?;
            }
        }
        let codes = list("rejected").into_iter().map(|rejected| {
            let (url, detail) = (text(&rejected, "url"), text(&rejected, "detail"));
            output::note(format_args!("{url}: {detail}"));
            let kind = rejected["code"]
                .as_str()
                .and_then(haul_engine::Kind::from_code);
            kind.map_or(exit::FAILED, |kind| exit::code(kind, None))
        });
        Ok(codes.collect())
    }
}

/// The parameters of as few calls as possible: neighbours that differ in their URL only go together.
fn calls(specs: &[Spec]) -> Vec<Json> {
    let mut calls: Vec<(Json, Vec<&str>)> = Vec::new();
    let mut bytes = 0;
    for spec in specs {
        let url = spec.url.as_str();
        let options = options(spec);
        match calls.last_mut() {
            Some((same, urls)) if *same == options && spec.mirrors.is_empty() && bytes < CALL => {
                urls.push(url);
                bytes += url.len();
            }
            _ => {
                calls.push((options, vec![url]));
                bytes = url.len();
            }
        }
    }
    calls
        .into_iter()
        .map(|(mut params, urls)| {
            if params.get("mirrors").is_some() {
                params["url"] = json!(urls[0]);
            } else {
                params["urls"] = json!(urls);
            }
            params
        })
        .collect()
}

/// The options of a download as the daemon takes them; those at their default are left out.
fn options(spec: &Spec) -> Json {
    let on_conflict = match spec.on_conflict {
        OnConflict::Rename => None,
        OnConflict::Overwrite => Some("overwrite"),
        OnConflict::Fail => Some("fail"),
        OnConflict::Skip => Some("skip"),
    };
    let headers: serde_json::Map<String, Json> = spec
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let options = [
        (
            "mirrors",
            (!spec.mirrors.is_empty()).then(|| {
                json!(
                    spec.mirrors
                        .iter()
                        .map(url::Url::as_str)
                        .collect::<Vec<_>>()
                )
            }),
        ),
        ("name", spec.name.as_ref().map(|name| json!(name))),
        (
            "dir",
            spec.dir.as_ref().map(|dir| json!(dir.to_string_lossy())),
        ),
        ("threads", spec.threads.map(|threads| json!(threads))),
        ("block_size", spec.block_size.map(|size| json!(size))),
        (
            "headers",
            (!headers.is_empty()).then_some(Json::Object(headers)),
        ),
        (
            "checksum",
            spec.checksum
                .as_ref()
                .map(|checksum| json!(checksum.to_string())),
        ),
        (
            "speed_limit",
            (spec.speed_limit > 0).then(|| json!(spec.speed_limit)),
        ),
        (
            "priority",
            (spec.priority != 0).then(|| json!(spec.priority)),
        ),
        ("paused", spec.paused.then_some(json!(true))),
        ("accept_html", spec.accept_html.then_some(json!(true))),
        ("on_conflict", on_conflict.map(|what| json!(what))),
    ];
    let given = options
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Json::Object(given.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(url: &str) -> Spec {
        Spec::new(Spec::parse_url(url).expect("a URL"))
    }

    #[test]
    fn downloads_that_differ_in_their_url_only_go_in_one_call() {
        let named = Spec {
            name: Some("n".into()),
            ..spec("http://h/3")
        };
        let mirrored = Spec {
            mirrors: vec![spec("http://m/4").url],
            ..spec("http://h/4")
        };
        let all = [
            spec("http://h/1"),
            spec("http://h/2"),
            named,
            mirrored,
            spec("http://h/5"),
        ];
        assert_eq!(
            calls(&all),
            [
                json!({"urls": ["http://h/1", "http://h/2"]}),
                json!({"urls": ["http://h/3"], "name": "n"}),
                json!({"url": "http://h/4", "mirrors": ["http://m/4"]}),
                json!({"urls": ["http://h/5"]}),
            ]
        );
    }

    #[test]
    fn two_downloads_with_equal_mirrors_stay_two() {
        let mirrored = Spec {
            mirrors: vec![spec("http://m/4").url],
            ..spec("http://h/4")
        };
        assert_eq!(calls(&[mirrored.clone(), mirrored]).len(), 2);
    }

    #[test]
    fn a_long_list_is_cut_into_calls_below_the_daemon_s_limit() {
        let long: Vec<Spec> = (0..30_000)
            .map(|n| spec(&format!("http://h/{n}/{}", "x".repeat(100))))
            .collect();
        let calls = calls(&long);
        assert!(calls.len() > 1);
        let total: usize = calls
            .iter()
            .map(|call| call["urls"].as_array().map_or(0, Vec::len))
            .sum();
        assert_eq!(total, long.len());
        assert!(calls.iter().all(|call| call.to_string().len() < 4 << 20));
    }
}
