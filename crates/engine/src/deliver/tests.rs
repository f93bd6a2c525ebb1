//! Where a file goes when its name is taken, on file systems of both kinds.

use unicode_normalization::UnicodeNormalization;

use super::*;

fn dir_with(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for name in names {
        fs::write(dir.path().join(name), name).expect("a file");
    }
    dir
}

#[test]
fn a_taken_name_gets_the_next_number() {
    let dir = dir_with(&["a.bin", "a (1).bin"]);
    let chosen = choose(dir.path(), "a.bin", OnConflict::Rename).expect("a target");
    assert_eq!(chosen, Target::Place(dir.path().join("a (2).bin")));
}

#[test]
fn an_existing_file_is_never_replaced_unless_asked() {
    let dir = dir_with(&["a.bin", "scratch"]);
    let (scratch, target) = (dir.path().join("scratch"), dir.path().join("a.bin"));
    assert_eq!(
        place(&scratch, &target, OnConflict::Rename, Bounds::None),
        Ok(Placed::Taken)
    );
    assert_eq!(fs::read_to_string(&target).expect("kept"), "a.bin");
    assert_eq!(
        place(&scratch, &target, OnConflict::Overwrite, Bounds::None),
        Ok(Placed::Done)
    );
    assert_eq!(fs::read_to_string(&target).expect("replaced"), "scratch");
    assert!(!scratch.exists());
}

#[test]
fn a_dangling_link_counts_as_taken() {
    let dir = dir_with(&["scratch"]);
    let link = dir.path().join("a.bin");
    std::os::unix::fs::symlink("/nowhere/outside", &link).expect("a link");
    let chosen = choose(dir.path(), "a.bin", OnConflict::Rename).expect("a target");
    assert_eq!(chosen, Target::Place(dir.path().join("a (1).bin")));
    assert_eq!(
        choose(dir.path(), "a.bin", OnConflict::Fail)
            .expect_err("taken")
            .kind,
        Kind::FileExists
    );
}

#[test]
fn a_delivered_file_is_recognised_by_its_inode_and_length() {
    let dir = dir_with(&["scratch", "other"]);
    let (scratch, target) = (dir.path().join("scratch"), dir.path().join("final"));
    let inode = fs::metadata(&scratch).expect("meta").ino();
    let is_ours = |target: &str| is_delivered(&scratch, &dir.path().join(target), inode, 7);
    assert!(!is_ours("final"));
    assert_eq!(
        place(&scratch, &target, OnConflict::Fail, Bounds::None),
        Ok(Placed::Done)
    );
    assert!(is_ours("final"));
    assert!(!is_ours("other"));
    // Numbers of deleted files are given out again: another file has another length, mostly.
    assert!(!is_delivered(&scratch, &target, inode, 8));
    fs::write(&scratch, "another").expect("a file");
    assert!(
        !is_ours("final"),
        "what has the scratch name is not the file"
    );
}

#[test]
fn a_delivery_by_hard_link_that_was_cut_short_is_ended() {
    let dir = dir_with(&["scratch"]);
    let (scratch, target) = (dir.path().join("scratch"), dir.path().join("final"));
    fs::hard_link(&scratch, &target).expect("a link");
    let inode = fs::metadata(&scratch).expect("meta").ino();
    assert!(is_delivered(&scratch, &target, inode, 7));
    assert!(target.exists() && !scratch.exists());
}

#[test]
fn a_link_is_replaced_and_never_what_it_leads_to() {
    let dir = dir_with(&["scratch", "precious"]);
    let target = dir.path().join("a.bin");
    for leads_to in ["precious", "."] {
        let scratch = dir.path().join("scratch");
        fs::write(&scratch, "new").expect("a file");
        let _ = fs::remove_file(&target);
        std::os::unix::fs::symlink(leads_to, &target).expect("a link");
        let chosen = choose(dir.path(), "a.bin", OnConflict::Overwrite).expect("a target");
        assert_eq!(chosen, Target::Place(target.clone()));
        let placed = place(&scratch, &target, OnConflict::Overwrite, Bounds::None);
        assert_eq!(placed, Ok(Placed::Done));
        assert!(fs::symlink_metadata(&target).expect("there").is_file());
    }
    let precious = fs::read_to_string(dir.path().join("precious"));
    assert_eq!(precious.expect("kept"), "precious");
}

#[test]
fn what_is_no_file_is_neither_replaced_nor_called_delivered() {
    let dir = dir_with(&[]);
    fs::create_dir(dir.path().join("folder")).expect("a directory");
    std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).expect("a link");
    let kind = |name, on_conflict| {
        let chosen = choose(dir.path(), name, on_conflict);
        chosen.expect_err("refused").kind
    };
    assert_eq!(kind("folder", OnConflict::Overwrite), Kind::FileExists);
    assert_eq!(kind("folder", OnConflict::Skip), Kind::FileExists);
    assert_eq!(kind("dangling", OnConflict::Skip), Kind::FileExists);
    let chosen = choose(dir.path(), "folder", OnConflict::Rename).expect("a target");
    assert_eq!(chosen, Target::Place(dir.path().join("folder (1)")));
}

#[test]
fn a_numbered_name_keeps_its_extension_within_255_bytes() {
    let longest = "я".repeat(125) + "a.mp4";
    assert_eq!(longest.len(), name::LONGEST);
    let dir = dir_with(&[&longest]);
    for _ in 0..12 {
        let chosen = choose(dir.path(), &longest, OnConflict::Rename).expect("a target");
        let Target::Place(path) = chosen else {
            panic!("{chosen:?}");
        };
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name");
        assert!(
            name.len() <= name::LONGEST && name.ends_with(").mp4"),
            "{name}"
        );
        fs::write(&path, "").expect("the file system takes it");
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 13);
}

/// A directory on a file system that folds names; what it keeps is the first spelling.
struct Folding(Vec<(&'static str, There)>);

impl Folding {
    fn find(&self, name: &str) -> Option<usize> {
        let fold = |name: &str| name.nfc().collect::<String>().to_lowercase();
        self.0.iter().position(|(own, _)| fold(own) == fold(name))
    }
}

impl Names for Folding {
    fn look(&self, name: &str) -> Option<There> {
        self.find(name).map(|at| self.0[at].1)
    }

    fn identity(&self, name: &str) -> Option<(u64, u64)> {
        self.find(name).map(|at| (1, at as u64))
    }

    fn all(&self) -> Option<Vec<std::ffi::OsString>> {
        Some(self.0.iter().map(|(own, _)| (*own).into()).collect())
    }

    fn path(&self) -> &Path {
        Path::new("/folding")
    }
}

#[test]
fn a_file_whose_name_only_folds_to_ours_is_another_file() {
    let folder = Folding(vec![
        ("Report.TXT", There::File),
        ("cafe\u{301}.txt", There::File),
        ("2024.zip", There::File),
    ]);
    let chosen = |name: &str, on_conflict| choose_in(&folder, name, on_conflict);
    let place = |name: &str| Ok(Choice::Place(name.to_owned()));
    for (wanted, numbered) in [
        ("report.txt", "report (1).txt"),
        ("REPORT.txt", "REPORT (1).txt"),
        ("café.txt", "café (1).txt"),
    ] {
        for on_conflict in [OnConflict::Rename, OnConflict::Overwrite, OnConflict::Skip] {
            assert_eq!(
                chosen(wanted, on_conflict),
                place(numbered),
                "{on_conflict:?}"
            );
        }
        let refused = chosen(wanted, OnConflict::Fail).expect_err("taken");
        assert_eq!(refused.kind, Kind::FileExists);
    }
    for same in ["Report.TXT", "2024.zip"] {
        assert_eq!(chosen(same, OnConflict::Overwrite), place(same));
        let exists = Ok(Choice::Exists(same.to_owned()));
        assert_eq!(chosen(same, OnConflict::Skip), exists);
    }
}

#[test]
fn where_names_are_not_folded_case_makes_two_files() {
    let dir = dir_with(&["A.txt"]);
    for on_conflict in [OnConflict::Rename, OnConflict::Overwrite, OnConflict::Skip] {
        let chosen = choose(dir.path(), "a.txt", on_conflict).expect("a target");
        assert_eq!(chosen, Target::Place(dir.path().join("a.txt")));
    }
    // Two names of one file are two names all the same.
    fs::hard_link(dir.path().join("A.txt"), dir.path().join("a.txt")).expect("a link");
    let chosen = choose(dir.path(), "a.txt", OnConflict::Overwrite).expect("a target");
    assert_eq!(chosen, Target::Place(dir.path().join("a.txt")));
}

/// Bounds of files that go to a directory of their own in `root`.
fn bounded(root: &Path) -> Config {
    let mut config = Config::new(root.to_owned(), root.join(".haul"));
    config.root = Some(root.to_owned());
    config
}

#[test]
fn a_link_that_takes_a_directorys_place_while_files_are_delivered_leads_none_of_them_out() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let root = tempfile::tempdir().expect("a directory");
    let outside = tempfile::tempdir().expect("a directory");
    let config = bounded(root.path());
    let (sub, real, link) = (
        root.path().join("sub"),
        root.path().join("real"),
        root.path().join("link"),
    );
    fs::create_dir(&sub).expect("a directory");
    std::os::unix::fs::symlink(outside.path(), &link).expect("a link");
    let over = AtomicBool::new(false);
    let (mut placed, mut refused) = (0, 0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let swap = |from: &Path, to: &Path| {
                rustix::fs::renameat(CWD, from, CWD, to).expect("swapped");
            };
            while !over.load(Ordering::Relaxed) {
                swap(&sub, &real);
                swap(&link, &sub);
                swap(&sub, &link);
                swap(&real, &sub);
            }
        });
        // Both have to be met: until then it goes on.
        for n in 0.. {
            let scratch = root.path().join("scratch");
            fs::write(&scratch, "").expect("a file");
            let target = sub.join(n.to_string());
            match place(&scratch, &target, OnConflict::Rename, Bounds::Root(&config)) {
                Ok(done) => {
                    assert_eq!(done, Placed::Done);
                    placed += 1;
                }
                Err(error) if error.kind == Kind::InvalidOption => refused += 1,
                // For a moment there is nothing.
                Err(_) => {}
            }
            if n > 500 && placed > 0 && refused > 0 {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    let outside = fs::read_dir(outside.path()).expect("a directory");
    assert_eq!(outside.count(), 0, "{placed} placed, {refused} refused");
}

#[test]
fn the_state_is_no_place_for_a_file_whatever_link_leads_there() {
    let root = tempfile::tempdir().expect("a directory");
    let config = bounded(root.path());
    fs::create_dir(&config.state_dir).expect("a directory");
    std::os::unix::fs::symlink(".haul", root.path().join("sub")).expect("a link");
    let scratch = root.path().join("scratch");
    fs::write(&scratch, "").expect("a file");
    let target = root.path().join("sub/lock");
    let refused = place(
        &scratch,
        &target,
        OnConflict::Overwrite,
        Bounds::Root(&config),
    );
    assert_eq!(refused.expect_err("refused").kind, Kind::InvalidOption);
}
