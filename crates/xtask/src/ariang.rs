//! `cargo xtask ariang`: AriaNg, a web page for aria2, in a browser with haul in aria2c's place. Owns where
//! its pictures go; what is done with the page lies with the browser's tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::report::run;
use crate::tools::{self, cargo, target};

/// Runs the tests of the built page in `page`.
pub(crate) fn ariang(page: &Path) -> Result<()> {
    let page = page
        .canonicalize()
        .with_context(|| format!("there is no {}", page.display()))?;
    ensure!(
        page.join("index.html").is_file() && page.join("langs").is_dir(),
        "{} is not AriaNg's built page, as its releases and its daily builds have it: index.html, js, \
         css, langs; in its sources it has yet to be built",
        page.display()
    );
    let pictures = target().join("ariang");
    if pictures.exists() {
        fs::remove_dir_all(&pictures)
            .with_context(|| format!("cannot clear {}", pictures.display()))?;
    }
    fs::create_dir_all(&pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
    run(cargo()
        .args(["test", "--package", "haul", "--test", "browser"])
        .args(["--", "ariang::"])
        .env("HAUL_TEST_CHROMIUM", tools::chromium()?)
        .env("HAUL_TEST_ARIANG", page)
        .env("HAUL_TEST_PICTURES", &pictures))?;
    println!("   look at the pictures in {}", pictures.display());
    Ok(())
}
