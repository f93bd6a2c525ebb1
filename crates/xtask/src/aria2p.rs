//! `cargo xtask aria2p`: the suite of aria2p, a client of aria2's, against haul in aria2c's place. Owns
//! where the suite comes from and what it needs; which tests run is decided beside them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::report::run;
use crate::tools::{self, ARIA2P, cargo, root, target};

/// What the suite imports, and what runs it.
const PACKAGES: [&str; 9] = [
    "pytest>=8.2,<9",
    "pytest-xdist",
    "pytest-timeout",
    "fastapi",
    "uvicorn",
    "psutil",
    "responses",
    "griffe",
    "mkdocstrings",
];

/// Runs the suite in `checkout`, or that of the source package.
pub(crate) fn aria2p(checkout: Option<&str>) -> Result<()> {
    run(cargo().args(["build", "--package", "haul"]))?;
    let venv = tools::venv()?;
    // Its terminal screen is tested, too.
    let with_screen = ARIA2P.replacen("aria2p", "aria2p[tui]", 1);
    let mut packages = vec![with_screen.as_str()];
    packages.extend(PACKAGES);
    tools::pip_install(&venv, &packages)?;
    let suite = match checkout {
        Some(dir) => Path::new(dir)
            .canonicalize()
            .with_context(|| format!("there is no {dir}"))?,
        None => unpacked(&venv)?,
    };
    ensure!(
        suite.join("tests/conftest.py").is_file(),
        "{} holds no tests of aria2p",
        suite.display()
    );
    let own = root().join("crates/haul/tests/aria2p");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own.clone()].into_iter().chain(env::split_paths(&path)))?;
    // A checkout's tests are for its own library, which may be of another age than the installed one.
    let modules = env::join_paths([own, suite.join("src")])?;
    run(Command::new(venv.join("bin/python"))
        .current_dir(&suite)
        .env("HAUL_BINARY", target().join("debug/haul"))
        .env("PATH", path)
        .env("PYTHONPATH", modules)
        .args(["-m", "pytest", "-q", "-p", "selection", "-n", "3"])
        // A daemon that does not come would be waited for without end.
        .args(["--timeout", "120", "--timeout-method", "thread", "tests"]))
}

/// The source package, which holds the tests, below the target directory.
fn unpacked(venv: &Path) -> Result<PathBuf> {
    let there = target().join("aria2p");
    let name = ARIA2P.replacen("==", "-", 1);
    if there.join(&name).is_dir() {
        return Ok(there.join(name));
    }
    fs::create_dir_all(&there).with_context(|| format!("cannot make {}", there.display()))?;
    run(tools::pip(venv)
        .args(["download", "--quiet", "--no-deps", "--no-binary", "aria2p"])
        .arg("--dest")
        .arg(&there)
        .arg(ARIA2P))?;
    run(Command::new(venv.join("bin/python"))
        .args(["-m", "tarfile", "-e"])
        .arg(there.join(format!("{name}.tar.gz")))
        .arg(&there))?;
    Ok(there.join(name))
}
