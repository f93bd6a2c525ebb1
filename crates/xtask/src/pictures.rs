//! `cargo xtask pictures`: what the README and the pages of `docs/` show of haul, taken from the real program
//! at work. Owns the order of events; what is to be seen of the page, and when, lies with the browser's tests.

mod hosts;
mod scene;
mod screen;
mod shrink;
mod svg;
mod tmux;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::report;
use crate::tools;
use scene::{CHOSEN, Scene};
use screen::Row;
use svg::Film;
use tmux::{PROMPT, Tmux};

const HELP: &str = "\
Takes the pictures of haul anew: docs/page-….png, docs/watch.svg, docs/get.svg.

  cargo xtask pictures           all of them
  cargo xtask pictures page      the web page, in Chromium: light, dark, in Russian, on a phone
  cargo xtask pictures watch     `haul watch` in tmux, as an animated SVG
  cargo xtask pictures get       the same of `haul get`

The program is the real one, built now; its files come from a server on this machine that plays many hosts, so
that no network is needed. Look at what comes out before you commit it: nothing compares pictures. It takes
about three minutes and 3 GiB of disk in the temporary directory, and ends all that it has started.
";

/// Of the terminal.
const SIZE: (u16, u16) = (96, 30);

/// How long each screen of a film is seen.
const EACH: Duration = Duration::from_millis(400);

/// Cells of the curve of `haul watch` that make one worth showing.
const CURVE: usize = 24;

/// What can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Page,
    Watch,
    Get,
}

const ALL: [Picture; 3] = [Picture::Page, Picture::Watch, Picture::Get];

/// Does what the words behind `pictures` ask for.
pub(crate) fn pictures(words: &[&str]) -> Result<()> {
    let asked: Option<Vec<Picture>> = words.iter().map(|word| read(word)).collect();
    match asked {
        Some(asked) if asked.is_empty() => run(&ALL),
        Some(asked) => run(&asked),
        None => {
            println!("{HELP}");
            let is_question = |word: &&str| ["help", "--help", "-h"].contains(word);
            if words.iter().all(is_question) {
                return Ok(());
            }
            bail!("no such picture: {}", words.join(" "));
        }
    }
}

fn read(word: &str) -> Option<Picture> {
    match word {
        "page" => Some(Picture::Page),
        "watch" => Some(Picture::Watch),
        "get" => Some(Picture::Get),
        _ => None,
    }
}

fn run(asked: &[Picture]) -> Result<()> {
    for program in ["tmux", "chromium"] {
        if tools::find(program).is_none() {
            tools::apt_install(program)?;
        }
    }
    println!("   building haul");
    report::run(tools::cargo().args(["build", "--package", "haul"]))?;
    if asked.contains(&Picture::Page) {
        report::run(browser().arg("--no-run"))?;
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    runtime.block_on(async {
        tokio::select! {
            taken = take(asked) => taken,
            // Everything is ended by its owner, and not left to the shell.
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })
}

async fn take(asked: &[Picture]) -> Result<()> {
    let binary = tools::target().join("debug/haul");
    let docs = tools::root().join("docs");
    if asked.contains(&Picture::Page) || asked.contains(&Picture::Watch) {
        take_scene(asked, &binary, &docs).await?;
    }
    if asked.contains(&Picture::Get) {
        println!("   filming haul get");
        film_get(&binary, &docs.join("get.svg")).await?;
    }
    if asked.contains(&Picture::Page) {
        shrink_page(&docs)?;
    }
    Ok(())
}

/// What shows a daemon.
async fn take_scene(asked: &[Picture], binary: &Path, docs: &Path) -> Result<()> {
    println!("   setting the scene: a daemon, and downloads in every state");
    let scene = Scene::set(binary).await?;
    // Its curve begins with it: while the page is taken it gets one.
    let watch = match asked.contains(&Picture::Watch) {
        true => Some(start_watch(&scene, binary).await?),
        false => None,
    };
    if asked.contains(&Picture::Page) {
        println!("   taking the page");
        take_page(&scene, docs).await?;
    }
    if let Some(watch) = watch {
        println!("   filming haul watch");
        film_watch(&watch, &docs.join("watch.svg")).await?;
    }
    let status = scene.daemon.terminate().await;
    if !status.success() {
        bail!("haul ended with {status}");
    }
    Ok(())
}

/// The browser's tests, of which one takes pictures when it is told of what.
fn browser() -> std::process::Command {
    let mut command = tools::cargo();
    command.args(["test", "--quiet", "--package", "haul", "--test", "browser"]);
    command
}

async fn take_page(scene: &Scene, docs: &Path) -> Result<()> {
    let mut command = browser();
    command
        .args(["--", "--nocapture", "pictures::"])
        .env("HAUL_TEST_CHROMIUM", tools::chromium()?)
        .env("HAUL_TEST_PICTURES_OF", scene.daemon.url("/"))
        .env("HAUL_TEST_PICTURES", docs);
    tokio::task::spawn_blocking(move || report::run(&mut command)).await?
}

/// What the browser has written, with a palette.
fn shrink_page(docs: &Path) -> Result<()> {
    for entry in std::fs::read_dir(docs)? {
        let place = entry?.path();
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("page-") && name.ends_with(".png") {
            println!("   docs/{name}: {} KB", shrink::shrink(&place)? / 1000);
        }
    }
    Ok(())
}

async fn start_watch(scene: &Scene, binary: &Path) -> Result<Tmux> {
    let server = (
        "HAUL_SERVER",
        scene.daemon.url("/").replace("127.0.0.1", "localhost"),
    );
    let tmux = shell(scene.dir(), SIZE, binary, server).await?;
    tmux.write("haul watch")?;
    tmux.press(&["Enter"])?;
    tmux.until("the list", |screen| screen.contains(CHOSEN))
        .await?;
    Ok(tmux)
}

/// A shell that finds haul, with a setting of haul's.
async fn shell(
    dir: &Path,
    size: (u16, u16),
    binary: &Path,
    setting: (&str, String),
) -> Result<Tmux> {
    let built = binary.parent().context("a program lies in a directory")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(PathBuf::from(built)).chain(std::env::split_paths(&path)),
    )?;
    let environment = [
        ("PATH", path.to_string_lossy().into_owned()),
        ("HOME", dir.to_string_lossy().into_owned()),
        setting,
    ];
    Tmux::start(dir, size, &environment).await
}

/// What moves, another download chosen, paused and let go on.
async fn film_watch(tmux: &Tmux, place: &Path) -> Result<()> {
    let has_curve = |screen: &str| {
        let first = screen.lines().next().unwrap_or_default();
        first
            .chars()
            .filter(|sign| ('▁'..='█').contains(sign))
            .count()
            >= CURVE
    };
    tmux.until("a curve", has_curve).await?;
    let mut screens = Vec::new();
    tmux.film(&mut screens, 6, EACH).await?;
    for _ in 0..2 {
        tmux.press(&["j"])?;
        tmux.film(&mut screens, 4, EACH).await?;
    }
    tmux.press(&["p"])?;
    tmux.film_until(&mut screens, EACH, |screen| screen.contains("paused: "))
        .await?;
    tmux.film(&mut screens, 5, EACH).await?;
    tmux.press(&["p"])?;
    tmux.film(&mut screens, 6, EACH).await?;
    for _ in 0..2 {
        tmux.press(&["k"])?;
        tmux.film(&mut screens, 2, EACH).await?;
    }
    let film = Film {
        title: "haul watch",
        says: "haul watch on a terminal: a list of downloads with bars, speeds and reasons, and below it \
               the map and the threads of the chosen one; one is paused and goes on",
        columns: SIZE.0,
        screens: &screens,
        each: EACH,
        still: 0,
    };
    write(&film, place)
}

/// A command from its last letter to the shell's next prompt.
async fn film_get(binary: &Path, place: &Path) -> Result<()> {
    let dir = scene::directory().context("cannot make a directory")?;
    let dir = dir.path();
    let hosts = scene::hosts_of_get(dir).await?;
    let size = (SIZE.0, 15);
    let tmux = shell(dir, size, binary, ("HAUL_PROXY", hosts.proxy())).await?;
    let is_over = |screen: &str| screen.trim_end().ends_with(PROMPT);
    // The film does not begin with an empty screen: many viewers show its first moment only.
    tmux.write("cat urls.txt")?;
    tmux.press(&["Enter"])?;
    let is_listed = |screen: &str| screen.contains("http://") && is_over(screen);
    tmux.until("the list", is_listed).await?;
    let mut screens: Vec<Vec<Row>> = Vec::new();
    tmux.write("haul get -i urls.txt -d Videos")?;
    tmux.film(&mut screens, 3, EACH).await?;
    tmux.press(&["Enter"])?;
    tmux.film_until(&mut screens, EACH, is_over).await?;
    // Long enough to be read.
    tmux.film(&mut screens, 10, EACH).await?;
    let film = Film {
        title: "haul get",
        says: "haul get on a terminal: a bar for each of five downloads, and at the end the paths of the files",
        columns: size.0,
        still: screens.len() - 1,
        screens: &screens,
        each: EACH,
    };
    write(&film, place)
}

fn write(film: &Film, place: &Path) -> Result<()> {
    let drawn = film.draw();
    std::fs::write(place, &drawn).with_context(|| format!("cannot write {}", place.display()))?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    println!(
        "   docs/{name}: {} screens, {} KB",
        film.screens.len(),
        drawn.len() / 1000
    );
    Ok(())
}
