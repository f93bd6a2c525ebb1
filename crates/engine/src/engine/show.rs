//! A record as watchers see it while it does not run.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::event::{DigestView, View};
use crate::plan::{self, name};
use crate::spec::{Algorithm, Settings, Spec};
use crate::store::Record;

/// The view of a record at rest; `dir` is where files go by default. `revision` is set by the table of
/// live downloads.
pub(super) fn view(record: &Record, settings: &Settings, dir: &Path) -> View {
    let spec = &record.spec;
    let size = record.resource.as_ref().and_then(|resource| resource.size);
    let is_completed = record.status == crate::Status::Completed;
    let done = if is_completed {
        size.unwrap_or_else(|| record.done.len())
    } else {
        record.done.len()
    };
    let guess = record.resource.as_ref().map_or_else(
        || name::of(None, &spec.url),
        |resource| resource.name.clone(),
    );
    let wanted = spec.name.as_deref().and_then(name::safe).unwrap_or(guess);
    let delivered = record
        .path
        .as_deref()
        .filter(|_| is_completed)
        .and_then(|path| path.file_name());
    let shown = delivered.map_or(wanted, |name| name.to_string_lossy().into_owned());
    let dir = spec.dir.as_deref().unwrap_or(dir);
    // Before delivery it is where the file would go, as far as its name is known.
    let planned = record.resource.as_ref().map(|_| dir.join(&shown));
    let path = record.path.clone().filter(|_| is_completed).or(planned);
    let mut view = View {
        id: record.id,
        revision: 0,
        url: spec.url.as_str().into(),
        final_url: None,
        mirrors: mirrors(spec),
        name: shown.into(),
        path: path.map(Into::into),
        status: record.status,
        size: None,
        done,
        threads_active: 0,
        threads_limit: spec.threads.unwrap_or(settings.threads),
        block_size: spec.block_size.unwrap_or(settings.block_size),
        ranges: None,
        speed: 0,
        eta: None,
        speed_limit: spec.speed_limit,
        priority: spec.priority,
        position: None,
        etag: None,
        last_modified: None,
        content_type: None,
        checksum: digest(record),
        error: record.error.clone().map(Arc::new),
        reason: None,
        attempts: record.attempts,
        wasted: record.wasted,
        added_at: record.added_at,
        started_at: record.started_at,
        finished_at: record.finished_at,
        blocks: Arc::default(),
        map: match size {
            // The empty one takes no memory of its own, as the list of no blocks.
            None => Arc::default(),
            Some(size) if is_completed => full_map(size),
            Some(size) => plan::map(&record.done, size).into(),
        },
    };
    if let Some(resource) = &record.resource {
        view.learn(resource);
    }
    view
}

/// The mirrors as watchers see them.
fn mirrors(spec: &Spec) -> Arc<[String]> {
    let mirrors = &spec.mirrors;
    if mirrors.is_empty() {
        // The empty one takes no memory of its own.
        return Arc::default();
    }
    mirrors.iter().map(ToString::to_string).collect()
}

/// The map of a finished file. Nearly all are alike, and share it.
fn full_map(size: u64) -> Arc<str> {
    static FULL: LazyLock<Arc<str>> = LazyLock::new(|| "9".repeat(512).into());
    match usize::try_from(size) {
        Ok(size) if size < 512 => "9".repeat(size).into(),
        _ => FULL.clone(),
    }
}

/// What is known of the digest. Nearly always that is nothing, and shared.
pub(super) fn digest(record: &Record) -> Arc<DigestView> {
    static NOTHING: LazyLock<Arc<DigestView>> = LazyLock::new(|| {
        Arc::new(DigestView {
            algorithm: Algorithm::Sha256,
            expected: None,
            actual: None,
            verified: None,
        })
    });
    let expected = record.spec.checksum.as_ref();
    let actual = record.digest.as_deref();
    if expected.is_none() && actual.is_none() {
        return NOTHING.clone();
    }
    Arc::new(DigestView {
        algorithm: expected.map_or(Algorithm::Sha256, |checksum| checksum.algorithm),
        expected: expected.map(|checksum| checksum.expected.as_str().into()),
        actual: actual.map(Into::into),
        verified: expected
            .zip(actual)
            .map(|(checksum, actual)| checksum.expected == actual),
    })
}
