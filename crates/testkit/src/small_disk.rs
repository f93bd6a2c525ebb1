//! A real file system with little room, for tests that fill it up or make it read-only: a tmpfs in a
//! mount namespace of its own. Needs no root; it is gone when its holder is, however the test ends.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use haul_engine::disk::{Disk, RealDisk};
use rustix::fs::FallocateFlags;
use tempfile::TempDir;

/// Mounts it, says so, and then carries out what it is told: options for a remount.
const HOLD: &str = r#"
mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1" && echo mounted || exit
while read -r options; do mount -o "remount,bind,$options" "$1" && echo done || echo refused; done
"#;

/// A tmpfs. Dropping it ends its holder, and with that the mount.
pub struct SmallDisk {
    /// Lives in the mount namespace. What is mounted there is seen from here below its root.
    holder: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The mount point.
    folder: TempDir,
}

impl SmallDisk {
    /// A file system of `bytes`; `None`, and a line on the standard error, where this system lets
    /// nobody make one.
    pub fn mount(bytes: u64) -> Option<SmallDisk> {
        let mounted = SmallDisk::try_mount(bytes);
        if mounted.is_none() {
            #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
            {
                eprintln!(
                    "LEFT OUT: this system allows no tmpfs in a mount namespace; only the \
                     failing disk layer is tested"
                );
            }
        }
        mounted
    }

    fn try_mount(bytes: u64) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().ok()?;
        // Whoever is not root is root in a user namespace of their own.
        let namespaces = match rustix::process::geteuid().is_root() {
            true => "-m",
            false => "-Urm",
        };
        let mut holder = Command::new("unshare")
            .args([namespaces, "sh", "-c", HOLD, "sh"])
            .arg(folder.path())
            .arg(bytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let orders = holder.stdin.take()?;
        let answers = BufReader::new(holder.stdout.take()?);
        let mut disk = SmallDisk {
            holder,
            orders,
            answers,
            folder,
        };
        disk.is_answered("mounted").then_some(disk)
    }

    /// Its root directory.
    pub fn path(&self) -> PathBuf {
        let folder = self.folder.path();
        self.root().join(folder.strip_prefix("/").unwrap_or(folder))
    }

    /// The root of all files as the holder sees it: everything through mounts of its own, from which
    /// no rename leads out.
    pub fn root(&self) -> PathBuf {
        Path::new("/proc")
            .join(self.holder.id().to_string())
            .join("root")
    }

    /// Where it is mounted, for a program that [enters](SmallDisk::enter) its namespace.
    pub fn mount_point(&self) -> &Path {
        self.folder.path()
    }

    /// A command that runs `program` where the file system is mounted, in the directory `dir`. Some programs need that: they
    /// follow the links in their paths by themselves, and `/proc` has some that only the system can.
    pub fn enter(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("-t").arg(self.holder.id().to_string());
        if !rustix::process::geteuid().is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        let mut there = OsString::from("--wdns=");
        there.push(dir);
        command.arg("-m").arg(there).arg("--").arg(program);
        command
    }

    /// Bytes that are free on it.
    ///
    /// # Panics
    /// When the holder has died.
    pub fn free(&self) -> u64 {
        let free = RealDisk.free_space(&self.path());
        free.expect("the file system is mounted")
    }

    /// Takes all of its room but `leave` bytes; dropping the ballast gives it back.
    ///
    /// # Panics
    /// When there is less room than that.
    pub fn fill_up(&self, leave: u64) -> Ballast {
        let path = self.path().join("ballast");
        let file = File::create_new(&path).expect("there is no ballast yet");
        let wanted = self.free().checked_sub(leave).expect("less is free");
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, wanted).expect("it was free");
        Ballast { path }
    }

    /// Lets nobody write any more. No file on it may be open for writing.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn set_read_only(&mut self) {
        self.remount("ro");
    }

    /// The opposite.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn set_writable(&mut self) {
        self.remount("rw");
    }

    fn remount(&mut self, options: &str) {
        writeln!(self.orders, "{options}").expect("the holder listens");
        assert!(self.is_answered("done"), "cannot remount {options}");
    }

    fn is_answered(&mut self, answer: &str) -> bool {
        let mut line = String::new();
        self.answers.read_line(&mut line).is_ok() && line.trim() == answer
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A file that only takes room. Dropping it deletes it.
pub struct Ballast {
    path: PathBuf,
}

impl Drop for Ballast {
    fn drop(&mut self) {
        // It fails only when the whole file system is gone.
        let _ = fs::remove_file(&self.path);
    }
}
